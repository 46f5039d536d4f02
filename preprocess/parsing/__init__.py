"""Human parsing without a network of its own: ``basic`` labels from colours, pose and person segmentation.

``parser`` runs the stages; each stage is one file: ``matte`` (graph cut, alpha), ``layout`` (distance
fields of the skeleton), ``skin`` and ``colour`` (colour models), ``waist``, ``regions`` (seeds and position
priors), ``surfaces`` (decide, learn again), ``labels`` (body parts, full-size memberships), ``confidence``.
"""

from preprocess.parsing.parser import Parsing, parse

__all__ = ["Parsing", "parse"]
