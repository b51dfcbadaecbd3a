"""Pages for people, set by typst: what reports and dispute files share. The same sources give the same bytes.

`setting` needs the extra `reports`; `cleaning` needs nothing.
"""
