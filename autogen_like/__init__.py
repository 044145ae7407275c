"""Agents that converse: one append-only transcript, some participants, and a rule for who speaks next.

This is the public face: names only. A name is imported from its room when it is first used (PEP 562), so that
``import autogen_like`` stays quick and pulls in no model client, no tokenizer and no torch.

Example:
    >>> from autogen_like import Text
    >>> Text("hello").text
    'hello'
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

logging.getLogger(__name__).addHandler(logging.NullHandler())  # quiet, until somebody wants to see it

if TYPE_CHECKING:
    # The same names as in _MODULES, for type checkers and editors; tests/packaging holds the two together.
    from .agents.agent import Agent as Agent
    from .agents.assistant import AssistantAgent as AssistantAgent
    from .agents.backends.base import Backend as Backend
    from .agents.chat_result import ChatResult as ChatResult
    from .agents.chat_result import gather_usage_summary as gather_usage_summary
    from .agents.context.compact import Compact as Compact
    from .agents.context.overflow import FitWindow as FitWindow
    from .agents.context.policy import ContextPolicy as ContextPolicy
    from .agents.context.policy import Stage as Stage
    from .agents.context.tool_results import DropToolResults as DropToolResults
    from .agents.context.tool_results import ShortenToolResults as ShortenToolResults
    from .agents.context.windows import HeadAndTail as HeadAndTail
    from .agents.context.windows import LastMessages as LastMessages
    from .agents.context.windows import MaxTokens as MaxTokens
    from .agents.contrib.agent_builder import AgentBuilder as AgentBuilder
    from .agents.contrib.image_generation import ImageGeneration as ImageGeneration
    from .agents.contrib.math_user_proxy import MathUserProxyAgent as MathUserProxyAgent
    from .agents.contrib.multimodal import MultimodalConversableAgent as MultimodalConversableAgent
    from .agents.contrib.reasoning import ReasoningAgent as ReasoningAgent
    from .agents.contrib.retrieval.embedded import EmbeddedVectorDB as EmbeddedVectorDB
    from .agents.contrib.retrieval.pgvector import PgVectorDB as PgVectorDB
    from .agents.contrib.retrieval.retrieve_user_proxy import RetrieveUserProxyAgent as RetrieveUserProxyAgent
    from .agents.contrib.retrieval.vector_db import VectorDB as VectorDB
    from .agents.contrib.society_of_mind import SocietyOfMindAgent as SocietyOfMindAgent
    from .agents.contrib.teachability import Teachability as Teachability
    from .agents.contrib.vision import VisionCapability as VisionCapability
    from .agents.conversable import ConversableAgent as ConversableAgent
    from .agents.durable import keep_runs as keep_runs
    from .agents.handoff import Handoff as Handoff
    from .agents.mcp_server import a_serve_mcp as a_serve_mcp
    from .agents.mcp_server import serve_mcp as serve_mcp
    from .agents.paused import PausedChat as PausedChat
    from .agents.queue import a_initiate_chats as a_initiate_chats
    from .agents.queue import initiate_chats as initiate_chats
    from .agents.toolkit import register_function as register_function
    from .agents.user_proxy import UserProxyAgent as UserProxyAgent
    from .coding.blocks import CodeBlock as CodeBlock
    from .coding.blocks import CodeExtractor as CodeExtractor
    from .coding.blocks import MarkdownCodeExtractor as MarkdownCodeExtractor
    from .coding.blocks import infer_language as infer_language
    from .coding.commandline import CommandLineCodeExecutor as CommandLineCodeExecutor
    from .coding.docker import DockerCommandLineCodeExecutor as DockerCommandLineCodeExecutor
    from .coding.executor import BlockingCodeExecutor as BlockingCodeExecutor
    from .coding.executor import BlockingExecutorAdapter as BlockingExecutorAdapter
    from .coding.executor import CodeExecutor as CodeExecutor
    from .coding.executor import CodeResult as CodeResult
    from .coding.executor import CommandLineCodeResult as CommandLineCodeResult
    from .coding.executor import format_result as format_result
    from .coding.functions import Alias as Alias
    from .coding.functions import FunctionWithRequirements as FunctionWithRequirements
    from .coding.functions import FunctionWithRequirementsStr as FunctionWithRequirementsStr
    from .coding.functions import ImportFromModule as ImportFromModule
    from .coding.functions import with_requirements as with_requirements
    from .coding.jupyter.connection import JupyterConnectable as JupyterConnectable
    from .coding.jupyter.connection import JupyterConnectionInfo as JupyterConnectionInfo
    from .coding.jupyter.docker import DockerJupyterServer as DockerJupyterServer
    from .coding.jupyter.executor import EmbeddedIPythonCodeExecutor as EmbeddedIPythonCodeExecutor
    from .coding.jupyter.executor import JupyterCodeExecutor as JupyterCodeExecutor
    from .coding.jupyter.output import IPythonCodeResult as IPythonCodeResult
    from .coding.jupyter.servers import LocalJupyterServer as LocalJupyterServer
    from .coding.local import LocalCommandLineCodeExecutor as LocalCommandLineCodeExecutor
    from .coding.process import CodeLimits as CodeLimits
    from .coding.requirements import Packages as Packages
    from .coding.virtual_env import create_virtual_env as create_virtual_env
    from .core.errors import AgentNameConflict as AgentNameConflict
    from .core.errors import AsyncInSyncChat as AsyncInSyncChat
    from .core.errors import AutogenLikeError as AutogenLikeError
    from .core.errors import ConfigError as ConfigError
    from .core.errors import ContextOverflow as ContextOverflow
    from .core.errors import ConversationError as ConversationError
    from .core.errors import ExecutorUnavailable as ExecutorUnavailable
    from .core.errors import InvalidCarryOverType as InvalidCarryOverType
    from .core.errors import MissingExtra as MissingExtra
    from .core.errors import ModelError as ModelError
    from .core.errors import NoEligibleSpeaker as NoEligibleSpeaker
    from .core.errors import ReplayDiffers as ReplayDiffers
    from .core.errors import SenderRequired as SenderRequired
    from .core.errors import ToolSchemaError as ToolSchemaError
    from .core.errors import TranscriptError as TranscriptError
    from .core.errors import UndefinedNextAgent as UndefinedNextAgent
    from .core.events import ApprovalRequested as ApprovalRequested
    from .core.events import CodeFinished as CodeFinished
    from .core.events import CodeOutput as CodeOutput
    from .core.events import CodeStarted as CodeStarted
    from .core.events import ConversationEnded as ConversationEnded
    from .core.events import ConversationStarted as ConversationStarted
    from .core.events import Event as Event
    from .core.events import EventsDropped as EventsDropped
    from .core.events import HumanAnswered as HumanAnswered
    from .core.events import HumanRequested as HumanRequested
    from .core.events import MessageAdded as MessageAdded
    from .core.events import Notice as Notice
    from .core.events import SelectionAttempt as SelectionAttempt
    from .core.events import SpeakerSelected as SpeakerSelected
    from .core.events import TextDelta as TextDelta
    from .core.events import ToolFinished as ToolFinished
    from .core.events import ToolProgress as ToolProgress
    from .core.events import ToolStarted as ToolStarted
    from .core.events import TurnStarted as TurnStarted
    from .core.events import UsageReported as UsageReported
    from .core.limits import Limits as Limits
    from .core.limits import limit_process as limit_process
    from .core.message import File as File
    from .core.message import Image as Image
    from .core.message import Message as Message
    from .core.message import Text as Text
    from .core.message import ToolCall as ToolCall
    from .core.message import ToolResult as ToolResult
    from .core.run import Run as Run
    from .core.termination import CostBudget as CostBudget
    from .core.termination import MaxMessages as MaxMessages
    from .core.termination import RepeatedReply as RepeatedReply
    from .core.termination import SaidBy as SaidBy
    from .core.termination import StopCondition as StopCondition
    from .core.termination import StopReason as StopReason
    from .core.termination import TextMention as TextMention
    from .core.termination import Timeout as Timeout
    from .core.termination import TokenBudget as TokenBudget
    from .core.transcript import Transcript as Transcript
    from .core.transcript import View as View
    from .core.usage import Usage as Usage
    from .core.usage import UsageLedger as UsageLedger
    from .ecoact.costs import Prices as Prices
    from .ecoact.costs import Workload as Workload
    from .ecoact.events import ToolRegistered as ToolRegistered
    from .ecoact.events import ToolUnregistered as ToolUnregistered
    from .ecoact.reasoning import DFSDT as DFSDT
    from .ecoact.reasoning import ReAct as ReAct
    from .ecoact.toolbox import SelectiveToolbox as SelectiveToolbox
    from .groupchat.group import GroupChat as GroupChat
    from .groupchat.manager import GroupChatManager as GroupChatManager
    from .models.cache import Cached as Cached
    from .models.cache_stores import AbstractCache as AbstractCache
    from .models.cache_stores import Cache as Cache
    from .models.client import Capabilities as Capabilities
    from .models.client import Choice as Choice
    from .models.client import Delta as Delta
    from .models.client import JsonSchema as JsonSchema
    from .models.client import ModelClient as ModelClient
    from .models.client import ModelRequest as ModelRequest
    from .models.client import ModelResponse as ModelResponse
    from .models.client import ReplyCut as ReplyCut
    from .models.client import SampledTokens as SampledTokens
    from .models.config import LLMConfig as LLMConfig
    from .models.config import client_from as client_from
    from .models.config import config_list_from_dotenv as config_list_from_dotenv
    from .models.config import config_list_from_json as config_list_from_json
    from .models.config import config_list_from_models as config_list_from_models
    from .models.config import config_list_gpt4_gpt35 as config_list_gpt4_gpt35
    from .models.config import config_list_openai_aoai as config_list_openai_aoai
    from .models.config import filter_config as filter_config
    from .models.config import get_config_list as get_config_list
    from .models.fallback import Fallback as Fallback
    from .models.kserve import KServeClient as KServeClient
    from .models.openai import OpenAIClient as OpenAIClient
    from .models.ratelimit import RateLimit as RateLimit
    from .models.retry import Retry as Retry
    from .models.scripted import ScriptedModel as ScriptedModel
    from .models.tokens import TokenCount as TokenCount
    from .models.tokens import count_tokens as count_tokens
    from .observe.console import ConsolePrinter as ConsolePrinter
    from .observe.redaction import hide_secrets as hide_secrets
    from .observe.tracing import Tracing as Tracing
    from .observe.tracing import instrument as instrument
    from .observe.usage import print_usage as print_usage
    from .observe.usage import usage_table as usage_table
    from .optimizer.acceptance import AcceptanceRule as AcceptanceRule
    from .optimizer.acceptance import HoldOut as HoldOut
    from .optimizer.acceptance import PairedTest as PairedTest
    from .optimizer.acceptance import Strict as Strict
    from .optimizer.acceptance import Ties as Ties
    from .optimizer.agent_optimizer import AgentOptimizer as AgentOptimizer
    from .optimizer.agent_optimizer import OptimizerStep as OptimizerStep
    from .optimizer.evaluation import Evaluation as Evaluation
    from .optimizer.fine_grained import FineGrainedOptimizer as FineGrainedOptimizer
    from .optimizer.fine_grained import FineGrainedResult as FineGrainedResult
    from .optimizer.function import LearnedFunction as LearnedFunction
    from .optimizer.function_set import FunctionSet as FunctionSet
    from .optimizer.prompt_optimizer import PromptOptimizer as PromptOptimizer
    from .optimizer.sandbox import Sandbox as Sandbox
    from .optimizer.trainer import Trainer as Trainer
    from .optimizer.training_history import TrainingHistory as TrainingHistory
    from .scale.merging import ModelCall as ModelCall
    from .scale.merging import Sample as Sample
    from .scale.merging import prefix_merging as prefix_merging
    from .scale.remote import RemoteAgent as RemoteAgent
    from .scale.remote import remote as remote
    from .scale.replicas import Replicas as Replicas
    from .scale.rewards import tool_call_reward as tool_call_reward
    from .scale.rollout import Rollout as Rollout
    from .scale.rollout import RolloutError as RolloutError
    from .scale.rollout import WorkerLost as WorkerLost
    from .scale.rollouts import Rollouts as Rollouts
    from .scale.trajectory import Trajectory as Trajectory
    from .scale.trajectory import read_samples as read_samples
    from .scale.trajectory import read_trajectories as read_trajectories
    from .serving.server import ModelServer as ModelServer
    from .serving.server import ServerSettings as ServerSettings
    from .stateflow.events import OutputProduced as OutputProduced
    from .stateflow.events import StateEntered as StateEntered
    from .stateflow.events import TransitionTaken as TransitionTaken
    from .stateflow.machine import StateFlow as StateFlow
    from .stateflow.reflexion import Reflexion as Reflexion
    from .stateflow.reflexion import ReflexionResult as ReflexionResult
    from .stateflow.result import FlowResult as FlowResult
    from .store.errors import Leased as Leased
    from .store.errors import LeaseLost as LeaseLost
    from .store.errors import StoreError as StoreError
    from .store.export import export_html as export_html
    from .store.export import export_markdown as export_markdown
    from .store.recording import Recorder as Recorder
    from .store.recording import Tape as Tape
    from .store.replay import Recording as Recording
    from .store.store import Store as Store
    from .store.stored_run import StoredRun as StoredRun
    from .tools.approval import NeedsApproval as NeedsApproval
    from .tools.context import ToolContext as ToolContext
    from .tools.mcp.errors import McpError as McpError
    from .tools.mcp.tools import McpTool as McpTool
    from .tools.mcp.tools import McpTools as McpTools
    from .tools.schema import function_schema as function_schema
    from .tools.tool import FunctionTool as FunctionTool
    from .tools.tool import tool as tool
    from .tools.toolbox import Toolbox as Toolbox
    from .tools.toolbox import ToolSource as ToolSource

# Public name -> the module that defines it.
_MODULES = {
    "Agent": "autogen_like.agents.agent",
    "AssistantAgent": "autogen_like.agents.assistant",
    "Backend": "autogen_like.agents.backends.base",
    "ChatResult": "autogen_like.agents.chat_result",
    "gather_usage_summary": "autogen_like.agents.chat_result",
    "Compact": "autogen_like.agents.context.compact",
    "FitWindow": "autogen_like.agents.context.overflow",
    "ContextPolicy": "autogen_like.agents.context.policy",
    "Stage": "autogen_like.agents.context.policy",
    "DropToolResults": "autogen_like.agents.context.tool_results",
    "ShortenToolResults": "autogen_like.agents.context.tool_results",
    "HeadAndTail": "autogen_like.agents.context.windows",
    "LastMessages": "autogen_like.agents.context.windows",
    "MaxTokens": "autogen_like.agents.context.windows",
    "AgentBuilder": "autogen_like.agents.contrib.agent_builder",
    "ImageGeneration": "autogen_like.agents.contrib.image_generation",
    "MathUserProxyAgent": "autogen_like.agents.contrib.math_user_proxy",
    "MultimodalConversableAgent": "autogen_like.agents.contrib.multimodal",
    "ReasoningAgent": "autogen_like.agents.contrib.reasoning",
    "EmbeddedVectorDB": "autogen_like.agents.contrib.retrieval.embedded",
    "PgVectorDB": "autogen_like.agents.contrib.retrieval.pgvector",
    "RetrieveUserProxyAgent": "autogen_like.agents.contrib.retrieval.retrieve_user_proxy",
    "VectorDB": "autogen_like.agents.contrib.retrieval.vector_db",
    "SocietyOfMindAgent": "autogen_like.agents.contrib.society_of_mind",
    "Teachability": "autogen_like.agents.contrib.teachability",
    "VisionCapability": "autogen_like.agents.contrib.vision",
    "ConversableAgent": "autogen_like.agents.conversable",
    "keep_runs": "autogen_like.agents.durable",
    "Handoff": "autogen_like.agents.handoff",
    "a_serve_mcp": "autogen_like.agents.mcp_server",
    "serve_mcp": "autogen_like.agents.mcp_server",
    "PausedChat": "autogen_like.agents.paused",
    "a_initiate_chats": "autogen_like.agents.queue",
    "initiate_chats": "autogen_like.agents.queue",
    "register_function": "autogen_like.agents.toolkit",
    "UserProxyAgent": "autogen_like.agents.user_proxy",
    "CodeBlock": "autogen_like.coding.blocks",
    "CodeExtractor": "autogen_like.coding.blocks",
    "MarkdownCodeExtractor": "autogen_like.coding.blocks",
    "infer_language": "autogen_like.coding.blocks",
    "CommandLineCodeExecutor": "autogen_like.coding.commandline",
    "DockerCommandLineCodeExecutor": "autogen_like.coding.docker",
    "BlockingCodeExecutor": "autogen_like.coding.executor",
    "BlockingExecutorAdapter": "autogen_like.coding.executor",
    "CodeExecutor": "autogen_like.coding.executor",
    "CodeResult": "autogen_like.coding.executor",
    "CommandLineCodeResult": "autogen_like.coding.executor",
    "format_result": "autogen_like.coding.executor",
    "Alias": "autogen_like.coding.functions",
    "FunctionWithRequirements": "autogen_like.coding.functions",
    "FunctionWithRequirementsStr": "autogen_like.coding.functions",
    "ImportFromModule": "autogen_like.coding.functions",
    "with_requirements": "autogen_like.coding.functions",
    "JupyterConnectable": "autogen_like.coding.jupyter.connection",
    "JupyterConnectionInfo": "autogen_like.coding.jupyter.connection",
    "DockerJupyterServer": "autogen_like.coding.jupyter.docker",
    "EmbeddedIPythonCodeExecutor": "autogen_like.coding.jupyter.executor",
    "JupyterCodeExecutor": "autogen_like.coding.jupyter.executor",
    "IPythonCodeResult": "autogen_like.coding.jupyter.output",
    "LocalJupyterServer": "autogen_like.coding.jupyter.servers",
    "LocalCommandLineCodeExecutor": "autogen_like.coding.local",
    "CodeLimits": "autogen_like.coding.process",
    "Packages": "autogen_like.coding.requirements",
    "create_virtual_env": "autogen_like.coding.virtual_env",
    "AgentNameConflict": "autogen_like.core.errors",
    "AsyncInSyncChat": "autogen_like.core.errors",
    "AutogenLikeError": "autogen_like.core.errors",
    "ConfigError": "autogen_like.core.errors",
    "ContextOverflow": "autogen_like.core.errors",
    "ConversationError": "autogen_like.core.errors",
    "InvalidCarryOverType": "autogen_like.core.errors",
    "ExecutorUnavailable": "autogen_like.core.errors",
    "MissingExtra": "autogen_like.core.errors",
    "ModelError": "autogen_like.core.errors",
    "NoEligibleSpeaker": "autogen_like.core.errors",
    "ReplayDiffers": "autogen_like.core.errors",
    "SenderRequired": "autogen_like.core.errors",
    "ToolSchemaError": "autogen_like.core.errors",
    "TranscriptError": "autogen_like.core.errors",
    "UndefinedNextAgent": "autogen_like.core.errors",
    "ApprovalRequested": "autogen_like.core.events",
    "CodeFinished": "autogen_like.core.events",
    "CodeOutput": "autogen_like.core.events",
    "CodeStarted": "autogen_like.core.events",
    "ConversationEnded": "autogen_like.core.events",
    "ConversationStarted": "autogen_like.core.events",
    "Event": "autogen_like.core.events",
    "EventsDropped": "autogen_like.core.events",
    "HumanAnswered": "autogen_like.core.events",
    "HumanRequested": "autogen_like.core.events",
    "MessageAdded": "autogen_like.core.events",
    "Notice": "autogen_like.core.events",
    "SelectionAttempt": "autogen_like.core.events",
    "SpeakerSelected": "autogen_like.core.events",
    "TextDelta": "autogen_like.core.events",
    "ToolFinished": "autogen_like.core.events",
    "ToolProgress": "autogen_like.core.events",
    "ToolStarted": "autogen_like.core.events",
    "TurnStarted": "autogen_like.core.events",
    "UsageReported": "autogen_like.core.events",
    "Limits": "autogen_like.core.limits",
    "limit_process": "autogen_like.core.limits",
    "File": "autogen_like.core.message",
    "Image": "autogen_like.core.message",
    "Message": "autogen_like.core.message",
    "Text": "autogen_like.core.message",
    "ToolCall": "autogen_like.core.message",
    "ToolResult": "autogen_like.core.message",
    "Run": "autogen_like.core.run",
    "CostBudget": "autogen_like.core.termination",
    "MaxMessages": "autogen_like.core.termination",
    "RepeatedReply": "autogen_like.core.termination",
    "SaidBy": "autogen_like.core.termination",
    "StopCondition": "autogen_like.core.termination",
    "StopReason": "autogen_like.core.termination",
    "TextMention": "autogen_like.core.termination",
    "Timeout": "autogen_like.core.termination",
    "TokenBudget": "autogen_like.core.termination",
    "Transcript": "autogen_like.core.transcript",
    "View": "autogen_like.core.transcript",
    "Usage": "autogen_like.core.usage",
    "UsageLedger": "autogen_like.core.usage",
    "Prices": "autogen_like.ecoact.costs",
    "Workload": "autogen_like.ecoact.costs",
    "ToolRegistered": "autogen_like.ecoact.events",
    "ToolUnregistered": "autogen_like.ecoact.events",
    "DFSDT": "autogen_like.ecoact.reasoning",
    "ReAct": "autogen_like.ecoact.reasoning",
    "SelectiveToolbox": "autogen_like.ecoact.toolbox",
    "GroupChat": "autogen_like.groupchat.group",
    "GroupChatManager": "autogen_like.groupchat.manager",
    "Cached": "autogen_like.models.cache",
    "AbstractCache": "autogen_like.models.cache_stores",
    "Cache": "autogen_like.models.cache_stores",
    "Capabilities": "autogen_like.models.client",
    "Choice": "autogen_like.models.client",
    "Delta": "autogen_like.models.client",
    "JsonSchema": "autogen_like.models.client",
    "ModelClient": "autogen_like.models.client",
    "ModelRequest": "autogen_like.models.client",
    "ModelResponse": "autogen_like.models.client",
    "ReplyCut": "autogen_like.models.client",
    "SampledTokens": "autogen_like.models.client",
    "LLMConfig": "autogen_like.models.config",
    "client_from": "autogen_like.models.config",
    "config_list_from_dotenv": "autogen_like.models.config",
    "config_list_from_json": "autogen_like.models.config",
    "config_list_from_models": "autogen_like.models.config",
    "config_list_gpt4_gpt35": "autogen_like.models.config",
    "config_list_openai_aoai": "autogen_like.models.config",
    "filter_config": "autogen_like.models.config",
    "get_config_list": "autogen_like.models.config",
    "Fallback": "autogen_like.models.fallback",
    "KServeClient": "autogen_like.models.kserve",
    "OpenAIClient": "autogen_like.models.openai",
    "RateLimit": "autogen_like.models.ratelimit",
    "Retry": "autogen_like.models.retry",
    "ScriptedModel": "autogen_like.models.scripted",
    "TokenCount": "autogen_like.models.tokens",
    "count_tokens": "autogen_like.models.tokens",
    "ConsolePrinter": "autogen_like.observe.console",
    "hide_secrets": "autogen_like.observe.redaction",
    "Tracing": "autogen_like.observe.tracing",
    "instrument": "autogen_like.observe.tracing",
    "print_usage": "autogen_like.observe.usage",
    "usage_table": "autogen_like.observe.usage",
    "AcceptanceRule": "autogen_like.optimizer.acceptance",
    "HoldOut": "autogen_like.optimizer.acceptance",
    "PairedTest": "autogen_like.optimizer.acceptance",
    "Strict": "autogen_like.optimizer.acceptance",
    "Ties": "autogen_like.optimizer.acceptance",
    "AgentOptimizer": "autogen_like.optimizer.agent_optimizer",
    "OptimizerStep": "autogen_like.optimizer.agent_optimizer",
    "Evaluation": "autogen_like.optimizer.evaluation",
    "FineGrainedOptimizer": "autogen_like.optimizer.fine_grained",
    "FineGrainedResult": "autogen_like.optimizer.fine_grained",
    "LearnedFunction": "autogen_like.optimizer.function",
    "FunctionSet": "autogen_like.optimizer.function_set",
    "PromptOptimizer": "autogen_like.optimizer.prompt_optimizer",
    "Sandbox": "autogen_like.optimizer.sandbox",
    "Trainer": "autogen_like.optimizer.trainer",
    "TrainingHistory": "autogen_like.optimizer.training_history",
    "ModelCall": "autogen_like.scale.merging",
    "Sample": "autogen_like.scale.merging",
    "prefix_merging": "autogen_like.scale.merging",
    "RemoteAgent": "autogen_like.scale.remote",
    "remote": "autogen_like.scale.remote",
    "Replicas": "autogen_like.scale.replicas",
    "tool_call_reward": "autogen_like.scale.rewards",
    "Rollout": "autogen_like.scale.rollout",
    "RolloutError": "autogen_like.scale.rollout",
    "WorkerLost": "autogen_like.scale.rollout",
    "Rollouts": "autogen_like.scale.rollouts",
    "Trajectory": "autogen_like.scale.trajectory",
    "read_samples": "autogen_like.scale.trajectory",
    "read_trajectories": "autogen_like.scale.trajectory",
    "ModelServer": "autogen_like.serving.server",
    "ServerSettings": "autogen_like.serving.server",
    "OutputProduced": "autogen_like.stateflow.events",
    "StateEntered": "autogen_like.stateflow.events",
    "TransitionTaken": "autogen_like.stateflow.events",
    "StateFlow": "autogen_like.stateflow.machine",
    "Reflexion": "autogen_like.stateflow.reflexion",
    "ReflexionResult": "autogen_like.stateflow.reflexion",
    "FlowResult": "autogen_like.stateflow.result",
    "LeaseLost": "autogen_like.store.errors",
    "Leased": "autogen_like.store.errors",
    "StoreError": "autogen_like.store.errors",
    "export_html": "autogen_like.store.export",
    "export_markdown": "autogen_like.store.export",
    "Recorder": "autogen_like.store.recording",
    "Tape": "autogen_like.store.recording",
    "Recording": "autogen_like.store.replay",
    "Store": "autogen_like.store.store",
    "StoredRun": "autogen_like.store.stored_run",
    "NeedsApproval": "autogen_like.tools.approval",
    "ToolContext": "autogen_like.tools.context",
    "McpError": "autogen_like.tools.mcp.errors",
    "McpTool": "autogen_like.tools.mcp.tools",
    "McpTools": "autogen_like.tools.mcp.tools",
    "function_schema": "autogen_like.tools.schema",
    "FunctionTool": "autogen_like.tools.tool",
    "ToolSource": "autogen_like.tools.toolbox",
    "Toolbox": "autogen_like.tools.toolbox",
    "tool": "autogen_like.tools.tool",
}

__all__ = ["__version__", *_MODULES]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> object:
    """Imports a public name from its room and keeps it, so that the next use is a plain attribute."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
