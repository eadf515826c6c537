# The app in lite mode: no TensorFlow; exported networks answer (docs/deploy.md). Build where the exports are:
#   docker build -t garbage . && docker run --rm -p 8501:8501 --memory 1g garbage
FROM python:3.12-slim

# OpenVINO's wheels bring all they need; curl would only serve the health check, which Python does as well.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    MALLOC_ARENA_MAX=2

RUN useradd --create-home --uid 1000 app
WORKDIR /app

# First, so that a change of the code does not install everything again.
COPY requirements-lite.txt .
RUN pip install -r requirements-lite.txt

COPY --chown=app:app .streamlit .streamlit
COPY --chown=app:app streamlit_app.py ./
COPY --chown=app:app garbage_core garbage_core
COPY --chown=app:app garbage_app garbage_app
COPY --chown=app:app pages pages
COPY --chown=app:app models models

USER app
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "streamlit_app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
