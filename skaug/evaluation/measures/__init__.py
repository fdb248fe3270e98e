"""What `skaug.evaluation.synthetic_quality` measures: fidelity, adherence, diversity, memorisation.

Each module defines its measures, with their papers, as functions of plain arrays, and has one function
that computes all of them for the three columns of the report.
"""
