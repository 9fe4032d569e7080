"""What is eaten."""

from pydantic import BaseModel

from handrail import Topic


class Meal(BaseModel):
    """One dish; a few kill whoever eats them."""

    number: int
    poison: bool = False


meals = Topic("meals", carries=Meal, key=lambda meal: str(meal.number))
