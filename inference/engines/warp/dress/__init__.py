"""Dresses: a top down to the waist, with a skirt in one piece with it, in place of all old clothes."""
