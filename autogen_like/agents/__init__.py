"""Who answers: conversable agents, each a name, a description and an ordered chain of backends."""
