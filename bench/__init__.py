"""Benchmarks: ratios against a named reference in one run on one machine. Never a timed test."""
