"""What people upload stays in memory."""

from garbage_core.images import MAX_BYTES


def keep_in_memory() -> None:
    """Keeps the server from putting uploads into temporary files while they arrive.

    Starlette, on which Streamlit runs, holds a form's file in memory up to 1 MB and moves a larger one to a temporary
    file. Streamlit refuses what is larger than a photo may be before that, so the memory is bounded all the same.
    """
    try:
        from starlette.formparsers import MultiPartParser
    except ImportError:  # an older Streamlit, on Tornado, keeps uploads in memory anyway
        return
    MultiPartParser.spool_max_size = 2 * MAX_BYTES
