"""What stands beside Croupier on a host: Prometheus with its alerts, Grafana with its dashboards.

`dashboards` holds the dashboards as code; `grafana/dashboards` is written from it by `make dashboards`. Nothing of the
product imports from here.
"""
