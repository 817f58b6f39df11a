"""What every table's row is made of, and how its indices and constraints are named."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """A row; a subclass with `table=True` is a table."""
