"""Measurements, side by side in one run on one machine: ratios count, absolute figures only with their machine."""
