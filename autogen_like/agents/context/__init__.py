"""What a model sees of a long conversation: policies that combine with ``|``."""

from .compact import Compact as Compact
from .context import Context as Context
from .overflow import FitWindow as FitWindow
from .policy import ContextPolicy as ContextPolicy
from .policy import Occasion as Occasion
from .policy import Stage as Stage
from .tool_results import DropToolResults as DropToolResults
from .tool_results import ShortenToolResults as ShortenToolResults
from .windows import HeadAndTail as HeadAndTail
from .windows import LastMessages as LastMessages
from .windows import MaxTokens as MaxTokens
