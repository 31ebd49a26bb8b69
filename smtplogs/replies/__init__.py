"""Reply or reason -> cause: the table of causes, the catalogue of texts and codes, and what is made of them."""

from smtplogs.replies.catalogue import Row
from smtplogs.replies.classifying import KEYS, classify
from smtplogs.replies.explaining import explain, explain_record, step_of
from smtplogs.replies.judging import classify_replies
from smtplogs.replies.loading import rows
from smtplogs.replies.matching import checked
from smtplogs.replies.meanings import causes
from smtplogs.replies.wording import Reply, parse_reply

__all__ = [
    "KEYS",
    "Reply",
    "Row",
    "causes",
    "checked",
    "classify",
    "classify_replies",
    "explain",
    "explain_record",
    "parse_reply",
    "rows",
    "step_of",
]
