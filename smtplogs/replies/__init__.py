"""Reply or reason -> cause: the table of causes, the catalogue of texts and codes, and what is made of them."""

from smtplogs.replies.catalogue import Row, rows
from smtplogs.replies.classifying import KEYS, classify
from smtplogs.replies.explaining import explain
from smtplogs.replies.meanings import causes
from smtplogs.replies.wording import Reply, parse_reply

__all__ = ["KEYS", "Reply", "Row", "causes", "classify", "explain", "parse_reply", "rows"]
