"""Reports that a web process orders and several Celery workers write: one session each, over all.

    pip install '.[demo,redis]' celery opentelemetry-instrumentation-celery fastapi uvicorn
    cd examples
    uvicorn celery_workers.web:app
    celery --app celery_workers.tasks worker --concurrency 3       # in another terminal

    curl -s --json '{"topics": ["tea", "coffee", "cocoa"]}' localhost:8000/reports/r-1
    curl -s localhost:8000/reports/r-1     # what it has used so far, and the report

A Redis or Valkey server at ``REPORTS_REDIS_URL`` (``redis://localhost:6379``) is all that they
share: its database 0 is Celery's broker, 1 has the results, and 2 the totals of sessions (or what
``OTEL_PYTHON_SESSION_AGG_STORE`` names).

How the session gets into the workers.  ``session(..., propagate=True)`` in the web process puts its
id into the OpenTelemetry context as baggage, Celery's instrumentation carries that with each task,
and the workers believe it (``trust_baggage``), since nobody but our own processes puts tasks into
the broker.  The tasks themselves know of no session; only the last one ends it.  The root of the
trace, in the web process, has left long before that, so the totals stand on the session's record,
and those of each task on the task's span.

What a fork needs.  Celery's pool processes are forked.  The processor may be made before or after
that: a fork starts empty and goes on by itself, so it needs nothing.  It is made after the fork
here (``worker_process_init``), because a resource with the process id, and the client's
connections, have to be each process' own.  What is needed is the other end:
``worker_process_shutdown`` has to shut the provider down, since pool processes end without Python's
exit functions and would take with them what has not left yet.
"""
