"""Jobs that outlive their request: what they are, where they are kept, how they end. Nothing of HTTP."""
