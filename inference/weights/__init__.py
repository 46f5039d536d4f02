"""Weights of engines and of preprocessing: what is here, licences, downloads, conversion; no torch."""
