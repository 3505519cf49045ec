"""The tracker (全程跟踪): the read side. Owns the verbatim archive, the views, the trail, the changes feed and the console.

Consumes `demand.<cell>.>` of every open cell and `registry.>`. Publishes nothing: it never appends to a demand.
"""
