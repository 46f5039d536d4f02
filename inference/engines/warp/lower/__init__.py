"""Trousers, shorts and skirts on a person."""
