"""What the shipped reports must say, reckoned in plain Python from the golden house's own books.

Neither SQL nor facts are used: where a figure can be taken from what players had before and after a command, it is.
`books` has what several need; `money` and `players` have an oracle for each report.
"""
