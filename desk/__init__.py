"""The research desk's plain code: documents, index, splitting, quote proof, briefs.

Nothing here knows Kafka or a model: every part is a function of bytes, text and frozen values,
so that an agent's file only has to say which of them is called when.
"""
