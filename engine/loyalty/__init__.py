"""Reads of levels, points and turnover (rules §8). Nothing in here changes a player.

Awarding, deciding, evolving and answering read it; it reads the state and the catalog only.
"""
