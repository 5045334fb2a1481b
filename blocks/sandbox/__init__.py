"""Stand-ins for labelling platforms: the true wire protocol over real HTTP, with data whose truth is known.

They are part of the product (``outhaul demo``, ``outhaul sandbox``) and know nothing of the clients beside them: both
are written from the platforms' behaviour, so that one proves the other.
"""
