"""What the clerk is asked to write down."""

from handrail import Topic

notes = Topic("notes", carries=str)
