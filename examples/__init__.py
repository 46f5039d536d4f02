"""Code for operators to copy and to change; nothing in Cabine imports it."""
