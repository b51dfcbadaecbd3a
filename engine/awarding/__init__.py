"""From what happened to what is awarded: `triggers`, then `eligibility`, the `gate`, and the award's `worth`.

`awarding` is the face. Deciding calls it, and `due` and `needs` ask it what could be awarded.
"""
