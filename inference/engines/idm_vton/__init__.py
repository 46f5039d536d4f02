"""IDM-VTON on the current diffusers and transformers; torch is imported only inside this folder."""
