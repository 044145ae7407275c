"""Two solved trajectories for Bash and for TextWorld, as ReAct's prompt has them; for SQL they are InterCode's own."""

BASH_SHOTS = """Question: How many files are there under box/docs? Print the number alone.
Thought 1: I look at what is there first.
Action 1: execute[ls -R box]
Observation 1: exit code 0: box:
docs
logs

box/docs:
notes.txt
plan.md

box/logs:
monday.log
tuesday.log
Thought 2: The files can be listed by find, and counted by wc.
Action 2: execute[find box/docs -type f | wc -l]
Observation 2: exit code 0: 2
Thought 3: This is the number, alone.
Action 3: submit

Question: Make a file box/first.txt that holds the first line of every log file, in the order of their names.
Thought 1: I look for the log files.
Action 1: execute[ls box/log]
Observation 1: exit code 2: ls: cannot access 'box/log': No such file or directory
Thought 2: The folder has another name.
Action 2: execute[find box -name '*.log']
Observation 2: exit code 0: box/logs/monday.log
box/logs/tuesday.log
Thought 3: head prints a file's first line; with -q no names.
Action 3: execute[head -q -n 1 box/logs/*.log > box/first.txt && cat box/first.txt]
Observation 3: exit code 0: error: disk full
info: started
Thought 4: The file holds both lines in order.
Action 4: submit
"""

TEXTWORLD_SHOTS = """Question: Gather all following ingredients and follow the directions to prepare this tasty meal.
Ingredients: red onion. Directions: fry the red onion, prepare meal.
You are in the kitchen. You see a fridge, an oven, a stove, a counter. There is a closed door to the east.
Thought 1: The red onion may be in the fridge.
Action 1: execute[open fridge]
Observation 1: You open the fridge, revealing a red onion.
Thought 2: I take it.
Action 2: execute[take red onion from fridge]
Observation 2: You take the red onion from the fridge.
Thought 3: To fry is to cook with the stove.
Action 3: execute[cook red onion with stove]
Observation 3: You fried the red onion.
Thought 4: The meal can be prepared.
Action 4: execute[prepare meal]
Observation 4: Adding the meal to your inventory.
Thought 5: I eat it.
Action 5: execute[eat meal]
Observation 5: You eat the meal. Not bad.

Question: Gather all following ingredients and follow the directions to prepare this tasty meal.
Ingredients: carrot. Directions: roast the carrot, prepare meal.
You are in the corridor. There is an exit to the west, and a closed door to the south.
Thought 1: The carrot isn't here. The kitchen may be to the west.
Action 1: execute[go west]
Observation 1: You are in the kitchen. You see an oven, a stove, a table. On the table there is a carrot.
Thought 2: I take it.
Action 2: execute[take carrot]
Observation 2: You can't see any such thing.
Thought 3: It is on the table.
Action 3: execute[take carrot from table]
Observation 3: You take the carrot from the table.
Thought 4: To roast is to cook with the oven.
Action 4: execute[cook carrot with oven]
Observation 4: You roasted the carrot.
Thought 5: The meal can be prepared.
Action 5: execute[prepare meal]
Observation 5: Adding the meal to your inventory.
Thought 6: I eat it.
Action 6: execute[eat meal]
Observation 6: You eat the meal. Not bad.
"""
