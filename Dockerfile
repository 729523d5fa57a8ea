FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements/base.lock requirements/base.lock
RUN pip install --require-hashes --only-binary :all: -r requirements/base.lock \
 && useradd --system --no-create-home --shell /usr/sbin/nologin portal
COPY manage.py ./
COPY partnerapp partnerapp
COPY onboarding onboarding
COPY subscriptions subscriptions
COPY templates templates
COPY static static
# Collecting static files reads the settings but reaches nothing that these values name.
RUN SECRET_KEY=only-for-collectstatic-only-for-collectstatic-only-for-it \
    DATABASE_URL=postgres://build@127.0.0.1/build REDIS_URL=redis://127.0.0.1/0 BASE_URL=https://build.invalid \
    EMAIL_URL=smtp://127.0.0.1 EMAIL_FROM=build@build.invalid M365_CLIENT_SECRET=build \
    M365_CLIENT_ID=00000000-0000-0000-0000-000000000000 \
    python manage.py collectstatic --no-input
USER portal
EXPOSE 8000
CMD ["gunicorn", "partnerapp.wsgi", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", "--limit-request-line=0", "--no-control-socket", "--worker-tmp-dir=/dev/shm"]
