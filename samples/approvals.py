"""A tool that asks first: small payments are made at once, large ones only after a person's yes.

The model's words are fixed, so that it shows the same each time and needs no key. Where there is no terminal to ask
at, the chat pauses, and the sample says what would be asked.
"""

from __future__ import annotations

from autogen_like import (
    AssistantAgent,
    FunctionTool,
    ModelResponse,
    NeedsApproval,
    ScriptedModel,
    ToolCall,
    UserProxyAgent,
)


def pay(name: str, amount: int) -> str:
    """Pays somebody.

    Args:
        name: Whom.
        amount: Euros.
    """
    return f"{name} was paid {amount} euros"


def paying(name: str, amount: int) -> ModelResponse:
    """What a model answers when it wants to pay."""
    return ModelResponse(tool_calls=(ToolCall(f"pay-{name}", "pay", f'{{"name": "{name}", "amount": {amount}}}'),))


def main() -> None:
    """Holds the chat."""
    large = NeedsApproval("pay", when=lambda arguments: arguments["amount"] > 100)
    model = ScriptedModel([paying("Ada", 20), paying("Bob", 2000), "That is all I could do. TERMINATE"])
    clerk = AssistantAgent("clerk", llm_config=model, tools=[FunctionTool(pay, approval=large)])
    user = UserProxyAgent("user", human_input_mode="NEVER")

    result = user.initiate_chat(clerk, message="Pay Ada 20 euros and Bob 2000.")
    if result.paused is not None:
        print("\nNobody is at the terminal. Asked would be:")
        for request in result.paused.requests:
            print("   ", request.prompt)


if __name__ == "__main__":
    main()
