"""Rows of the feed as requests to a CRM. NOT TRIED on a real system: made from what both publish of their interfaces.

A visit becomes one record, known by its day and ticket; no customer is in it, since the lobby knows none.

* Zoho CRM: "Upsert Records", www.zoho.com/crm/developer/docs/api/v8/upsert-records.html. A custom module with the
  fields below, of which `Row_Key` is unique. The token is that of OAuth, scope ZohoCRM.modules.custom.ALL. At most 100
  records a request; an answer 200, 201 or 202 may have errors of single records in it.
* 纷享销客 (Fxiaoke): open platform, custom objects, POST /cgi/crm/custom/v2/data/create. A custom object with the
  fields below, of which `row_key__c` is unique, so that a row which is sent again is refused and not doubled.
  `corpAccessToken` and `corpId` are those of /cgi/corpAccessToken/get/V2 (valid for two hours), `currentOpenUserId` is
  the user in whose name it is written. An answer has HTTP status 200 in any case: only `errorCode` 0 means that it was
  taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

WANTED = ("ticket_issued", "ticket_called", "ticket_finished", "ticket_missed", "rated")
"""The `kinds` of the webhook: a CRM needs no more."""
STATES = {
    "ticket_issued": "waiting",
    "ticket_called": "called",
    "ticket_finished": "finished",
    "ticket_missed": "missed",
}
Request = tuple[str, dict[str, str], dict[str, Any]]
"""Path, headers and JSON body of a POST."""


def visit(branch: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a row changes in the record of a visit; None: nothing."""
    data = row["data"]
    if row["kind"] not in WANTED or not data.get("ticket"):
        return None
    found = {"key": f"{branch} {row['day']} {data['ticket']}", "branch": branch, "day": row["day"]}
    found["at"] = datetime.fromtimestamp(row["at"] / 1000, UTC).isoformat(timespec="seconds")
    if state := STATES.get(row["kind"]):
        found["state"] = state
    return found | {name: data[name] for name in ("service", "counter", "score") if data.get(name) is not None}


def zoho(token: str, visits: list[dict[str, Any]], module: str = "Lobby_Visits") -> Request:
    """For https://www.zohoapis.com (.com.cn in China); at most 100 visits."""
    names = {"key": "Row_Key", "branch": "Branch", "day": "Day", "at": "Changed_At", "state": "State"}
    names |= {"service": "Service", "counter": "Counter", "score": "Score"}
    records = [{names[field]: value for field, value in each.items()} for each in visits]
    body = {"data": records, "duplicate_check_fields": ["Row_Key"], "trigger": []}
    return f"/crm/v8/{module}/upsert", {"Authorization": f"Zoho-oauthtoken {token}"}, body


def fxiaoke(corp: Mapping[str, str], each: Mapping[str, Any], object_name: str = "lobby_visit__c") -> Request:
    """For https://open.fxiaoke.com; `corp`: corpAccessToken, corpId, currentOpenUserId."""
    fields = {f"{name}__c": value for name, value in each.items() if name != "key"}
    record = {"dataObjectApiName": object_name, "name": each["key"], "row_key__c": each["key"], **fields}
    record["owner"] = [corp["currentOpenUserId"]]
    return "/cgi/crm/custom/v2/data/create", {}, {**corp, "data": {"object_data": record}}
