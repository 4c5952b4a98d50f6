"""Ask: questions in plain language, answered from live tools and the backlog with claims that cite what they rest on.

`question` reads a question without a language model, `conduct` is what the offline model does about it, `answerer` runs
it, with the configured model where there is one.
"""

from agent.answers.answerer import Answerer
from agent.answers.events import Answer, AnswerEvent

__all__ = ["Answer", "AnswerEvent", "Answerer"]
