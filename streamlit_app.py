"""The app: `streamlit run streamlit_app.py`. Routes to the files in pages/ and does nothing else."""

from garbage_app.router import route

route()
