"""Rules about sessions: which are broken, and who is notified, once each.

Rules in YAML are read, checked against totals or a history, and notifications are delivered.
No module here knows the page or the server.

::

    alerts.yaml
      rules_file.py  -> Rule, by terms.py and figures.py; channels.py -> where notifications go
    SessionRecord, or a history
      session_rules.py, aggregates.py, anomalies.py  -> Finding
      state.py       -> episodes and deliveries, in one transaction of SQLite
      delivery.py    -> webhook.py, apprise_channel.py, otlp_log.py

A rule that holds for a session or a segment begins an *episode*, which ends when it is seen not to
hold any more.  Each episode is noted before it is delivered, and delivered once to each channel:
what was noted and not delivered is delivered after a restart.  Only where a program is killed
between handing a notification over and noting that can it be handed over twice; its id is the same
then.

Two clocks: *which* sessions a rule is about goes by the times in their spans (``end_time``);
*when* it is checked, cool-downs and mutes go by the clock of this machine.  Waiting between
attempts goes by neither: by the monotonic clock.
"""
