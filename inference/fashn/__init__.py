"""FASHN's API for a try-on, spoken by this service: its public SDK works with another base URL.

Only words are translated here, there and back; the work is a job like any other.
"""
