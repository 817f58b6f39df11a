"""What is refused: one line that begins with the key and where its value came from."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, load_settings

VENUE = '[venues.main]\nexchange = "binance"\nmode = "sandbox"\n'
SOURCE = '[sources.tv]\nkind = "tradingview"\n'
TV_SECRET = {"COUNTERSIGN_SOURCES__TV__SECRET": "tv-secret"}
BY_WEBHOOK = {
    "COUNTERSIGN_TELEGRAM__UPDATES": "webhook",
    "COUNTERSIGN_TELEGRAM__WEBHOOK_SECRET": "x" * 24,
    "COUNTERSIGN_WEB__PUBLIC_URL": "https://desk.example",
}
WHSEC = "whsec_" + base64.b64encode(bytes(24)).decode()


def load(folder: Path, file: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    (folder / "countersign.toml").write_text(file, encoding="utf-8")
    return load_settings(None, environ or {}, folder)


def refusal(folder: Path, file: str = "", environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load(folder, file, environ)
    text = str(refused.value)
    assert "\n" not in text
    return text


class TestOneLine:
    @pytest.mark.parametrize(
        ("file", "line"),
        [
            (
                '[telegram]\ntokn = "x"',
                "telegram.tokn (countersign.toml): unknown; the nearest known key is telegram.token",
            ),
            (
                '[venue.main]\nexchange = "paper"',
                "venue (countersign.toml): unknown; the nearest known key is venues",
            ),
            (
                VENUE + "defualt = true",
                "venues.main.defualt (countersign.toml): unknown;"
                " the nearest known key is venues.main.default",
            ),
            (
                "[[approval.rules]]\nwhen = { sorces = ['x'] }\nblock = true",
                "approval.rules[0].when.sorces (countersign.toml): unknown;"
                " the nearest known key is approval.rules[0].when.sources",
            ),
        ],
    )
    def test_an_unknown_key_names_the_nearest(self, tmp_path: Path, file: str, line: str) -> None:
        assert refusal(tmp_path, file) == line

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("COUNTERSIGN_TELEGRAM_TOKEN", "COUNTERSIGN_TELEGRAM__TOKEN (telegram.token)"),
            ("COUNTERSIGN_WEB__PROT", "COUNTERSIGN_WEB__PORT (web.port)"),
            ("COUNTERSIGN_ALOW_LIVE", "COUNTERSIGN_ALLOW_LIVE (allow_live)"),
        ],
    )
    def test_an_unknown_variable_names_the_nearest(
        self, tmp_path: Path, name: str, nearest: str
    ) -> None:
        line = refusal(tmp_path, "", {name: "hunter2"})

        assert f"({name}): unknown" in line
        assert line.endswith(nearest)

    @pytest.mark.parametrize(
        ("file", "line"),
        [
            ("[venues.main]\nexchange = 'paper'", "venues.main.mode (countersign.toml): must be g"),
            ("[web]\nport = 'x'", "web.port (countersign.toml): not a whole number"),
            ("[web]\nport = true", "web.port (countersign.toml): not a whole number"),
            ("[web]\nport = 70000", "web.port (countersign.toml): must be less than or equal to"),
            ("[web]\nlog = 'xml'", "web.log (countersign.toml): not one of 'console' or 'json'"),
            ("[web]\npublic_url = 'desk'", "web.public_url (countersign.toml): not an address"),
            ("[web]\ntrusted_proxies = ['x']", "web.trusted_proxies[0] (countersign.toml): not an"),
            ("telegram = 5", "telegram (countersign.toml): not a table"),
            ("[people]\nowners = 5", "people.owners (countersign.toml): not a list"),
            ("[people]\nowners = [-5]", "people.owners (countersign.toml): a person's id is"),
            (
                "[people]\nowners = [5]\nviewers = [5]",
                "people.viewers (countersign.toml): 5 is in owners too; keep the stronger role",
            ),
            ("[general]\ntimezone = 'Europe/Madird'", "general.timezone (countersign.toml): not a"),
            ("[telegram]\ndaily_at = '8:00'", "telegram.daily_at (countersign.toml): not a time"),
            (
                "[telegram]\nnotify = { fill = 'loud' }",
                "telegram.notify.fill (countersign.toml): not one of 'on', 'silent' or 'off'",
            ),
            (
                "[telegram]\nnotify = { fil = 'off' }",
                "telegram.notify.fil (countersign.toml): unknown; the nearest known key is"
                " telegram.notify.fill",
            ),
            (
                "[telegram]\nnotify = { kill = 'silent' }",
                "telegram.notify.kill (countersign.toml): a person must know it at once",
            ),
            (
                "[telegram]\nnotify = { card = 'off' }",
                "telegram.notify.card (countersign.toml): it asks for a decision;",
            ),
            ("[venues.Main]\n", "venues.Main (countersign.toml): not a name"),
            ("[database]\nurl = 'sqlite://'", "database.url (countersign.toml): not a database"),
            ("[risk]\nsymbols = []", "risk.symbols (countersign.toml): an empty list would"),
            ("[risk]\nsymbols = ['BTCUSDT']", "risk.symbols[0] (countersign.toml): not a pair"),
            ("[risk]\ntrading_hours = 'always'", "risk.trading_hours (countersign.toml): not"),
        ],
    )
    def test_a_wrong_value_is_told_with_its_key_and_file(
        self, tmp_path: Path, file: str, line: str
    ) -> None:
        assert refusal(tmp_path, file).startswith(line)

    @pytest.mark.parametrize("text", ["1m30s", "90", "5 m", "-5s", "0s", "5d", "٥s", "9999999h"])
    def test_what_is_not_a_duration_is_refused(self, tmp_path: Path, text: str) -> None:
        assert "duration" in refusal(tmp_path, f'[approval]\nexpires_after = "{text}"')

    @pytest.mark.parametrize("text", ['"0.5"', "0.5", '"-1%"', '"101%"', '"½%"', "true"])
    def test_what_is_not_a_share_is_refused(self, tmp_path: Path, text: str) -> None:
        assert "not a share" in refusal(tmp_path, f"[risk]\nmax_spread = {text}")

    @pytest.mark.parametrize(
        "text", ["-1", "nan", "inf", '"1,000"', '"١"', "true", '""', "1e30", '"NaN"', "[]"]
    )
    def test_what_is_not_an_amount_is_refused(self, tmp_path: Path, text: str) -> None:
        assert "amount" in refusal(tmp_path, f"[risk]\nmax_order_notional = {text}")

    @pytest.mark.parametrize(
        "size", ["{ notional = 1, amount = 1 }", "{ notional = 0 }", "{ size = 1 }", "5"]
    )
    def test_what_is_not_one_size_is_refused(self, tmp_path: Path, size: str) -> None:
        assert refusal(tmp_path, f"[sizing]\ndefault = {size}").startswith("sizing.default (")

    @pytest.mark.parametrize(
        "file", ["a =", "[a]\n[a]", "a = 1e999999999999999999999", "a = " + "[" * 5000]
    )
    def test_a_file_that_is_not_toml_is_told_in_one_line(self, tmp_path: Path, file: str) -> None:
        assert "countersign.toml: not TOML" in refusal(tmp_path, file)

    def test_a_file_that_cannot_be_read_is_told_in_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "countersign.toml").mkdir()

        with pytest.raises(SettingsError, match="cannot be read"):
            load_settings(None, {}, tmp_path)

    def test_what_comes_from_dotenv_says_so(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("PORT=x\n")

        assert refusal(tmp_path).startswith("web.port (PORT in .env): not a whole number")

    @pytest.mark.parametrize("text", ["1111,2222", "[1111", '{"a": 1}'])
    def test_a_list_that_is_not_json_is_told_with_its_variable(
        self, tmp_path: Path, text: str
    ) -> None:
        line = refusal(tmp_path, "", {"COUNTERSIGN_PEOPLE__OWNERS": text})

        assert line.startswith("people.owners (COUNTERSIGN_PEOPLE__OWNERS): not a list")

    def test_a_variable_of_a_venue_that_is_nowhere_else_is_named(self, tmp_path: Path) -> None:
        line = refusal(tmp_path, VENUE, {"COUNTERSIGN_VENUES__MIAN__API_KEY": "k"})

        assert line.startswith("venues.mian.exchange (COUNTERSIGN_VENUES__MIAN__API_KEY): must be")


class TestBetweenKeys:
    @pytest.mark.parametrize(
        ("file", "line"),
        [
            (VENUE.replace("sandbox", "live"), "it also needs COUNTERSIGN_ALLOW_LIVE=yes"),
            ("[venues.p]\nexchange = 'paper'\nmode = 'live'", "the paper exchange has one mode"),
            (
                VENUE + "default = true\n" + VENUE.replace("main", "b") + "default = true",
                "venues.b.default (countersign.toml): main is the default already",
            ),
            (VENUE + "ccxt = { apiKey = 'x' }", "venues.main.ccxt.apiKey (countersign.toml): a cr"),
            (SOURCE + "venue = 'x'", "sources.tv.venue (countersign.toml): there is no such venue"),
            (SOURCE + "map = { symbl = 'a' }", "sources.tv.map.symbl (countersign.toml): no such"),
            (SOURCE + "map = { symbol = 'a[' }", "sources.tv.map.symbol (countersign.toml): not"),
            (
                "[people]\nowners = [1]\n[[approval.rules]]\nrequired = 2",
                'approval.rules[0].required (countersign.toml): the rule "rule 1" asks for 2'
                " approvals, but 1 person may approve; ask for fewer, or add to people.approvers",
            ),
            (
                "[people]\nowners = [1]\napprovers = [2]\nviewers = [3]\n"
                "[[approval.rules]]\nname = 'all'\nrequired = 3",
                'the rule "all" asks for 3 approvals, but 2 people may approve',
            ),
            (
                "[[approval.rules]]\nname = 'x'",
                'approval.rules[0].required (countersign.toml): the rule "x" has none of them;'
                " keep exactly one of required, veto_window, block = true",
            ),
            (
                "[[approval.rules]]\nname = 'x'\nblock = true\nrequired = 0",
                'the rule "x" has required and block; keep exactly one',
            ),
            (
                "[[approval.rules]]\nname = 'x'\nveto_window = '60s'\nrequired = 1",
                'the rule "x" has required and veto_window; keep exactly one',
            ),
            (
                "[[approval.rules]]\nname = 'x'\nveto_window = '60s'\nblock = true",
                'approval.rules[0].veto_window (countersign.toml): the rule "x" has veto_window',
            ),
            (
                "[[approval.rules]]\nname = 'slow'\nveto_window = '5m'",
                'approval.rules[0].veto_window (countersign.toml): the window of the rule "slow"'
                " must be shorter than approval.expires_after",
            ),
            (
                "[approval]\nexpires_after = '60s'\n[[approval.rules]]\nveto_window = '61s'",
                'the window of the rule "rule 1" must be shorter',
            ),
            (
                "[[approval.rules]]\nname = 'default'\nblock = true",
                'approval.rules[0].name (countersign.toml): "default" is what meets no rule',
            ),
            (
                "[[approval.rules]]\nblock = true\nwhen = { hours = 'always' }",
                "approval.rules[0].when.hours (countersign.toml): not hours of the week; write",
            ),
            (
                "[[approval.rules]]\nblock = true\nwhen = { rolling_24h_from = -1 }",
                "approval.rules[0].when.rolling_24h_from (countersign.toml): an amount",
            ),
            (
                "[[approval.rules]]\nname = 'x'\nblock = true\n" * 2,
                "approval.rules[0].name (countersign.toml): another rule has this name too",
            ),
            (
                "[[approval.rules]]\nblock = true\nwhen = { notional_from = 5, notional_below = 5 }",
                "approval.rules[0].when.notional_from (countersign.toml): no amount is from 5 and"
                " below 5; notional_from must be the smaller one",
            ),
        ],
    )
    def test_a_contradiction_is_refused(self, tmp_path: Path, file: str, line: str) -> None:
        assert line in refusal(tmp_path, file, TV_SECRET if "sources.tv" in file else {})

    def test_live_needs_exactly_yes(self, tmp_path: Path) -> None:
        live = VENUE.replace("sandbox", "live")

        assert load(tmp_path, live, {"COUNTERSIGN_ALLOW_LIVE": "yes"}).allow_live
        assert "ALLOW_LIVE=yes" in refusal(tmp_path, live, {"COUNTERSIGN_ALLOW_LIVE": "no"})
        assert 'write "yes"' in refusal(tmp_path, live, {"COUNTERSIGN_ALLOW_LIVE": "1"})

    def test_a_single_venue_is_the_default(self, tmp_path: Path) -> None:
        assert load(tmp_path, VENUE).default_venue == "main"
        assert load(tmp_path, VENUE + VENUE.replace("main", "b")).default_venue is None

    @pytest.mark.parametrize("environ", [{}, {"COUNTERSIGN_SOURCES__TV__SECRET": "  "}])
    def test_a_source_without_a_secret_is_refused(
        self, tmp_path: Path, environ: dict[str, str]
    ) -> None:
        line = refusal(tmp_path, SOURCE, environ)

        assert line.startswith("sources.tv.secret (")
        assert line.endswith("set COUNTERSIGN_SOURCES__TV__SECRET")

    @pytest.mark.parametrize("secret", ["tv-secret", "whsec_!!!", "whsec_c2hvcnQ=", f"{WHSEC} x"])
    def test_a_webhook_secret_has_its_form(self, tmp_path: Path, secret: str) -> None:
        file = SOURCE.replace("tradingview", "webhook")

        assert "whsec_" in refusal(tmp_path, file, {"COUNTERSIGN_SOURCES__TV__SECRET": secret})

    def test_two_secrets_are_good_while_they_are_rotated(self, tmp_path: Path) -> None:
        file = SOURCE.replace("tradingview", "webhook")
        other = "whsec_" + base64.b64encode(bytes(32)).decode()

        settings = load(tmp_path, file, {"COUNTERSIGN_SOURCES__TV__SECRET": f"{WHSEC} {other}"})

        assert settings.sources["tv"].secrets == (WHSEC, other)


class TestWebhookOfTelegram:
    def test_all_it_needs_is_accepted(self, tmp_path: Path) -> None:
        assert load(tmp_path, "", BY_WEBHOOK).telegram.updates == "webhook"

    def test_without_a_secret_it_is_refused(self, tmp_path: Path) -> None:
        given = BY_WEBHOOK | {"COUNTERSIGN_TELEGRAM__WEBHOOK_SECRET": ""}

        assert refusal(tmp_path, "", given).startswith("telegram.webhook_secret")

    @pytest.mark.parametrize("secret", ["short", "with spaces in all its length", "x" * 257])
    def test_a_secret_that_telegram_would_refuse_is_refused(
        self, tmp_path: Path, secret: str
    ) -> None:
        given = BY_WEBHOOK | {"COUNTERSIGN_TELEGRAM__WEBHOOK_SECRET": secret}

        line = refusal(tmp_path, "", given)

        assert "not 24 to 256 of A-Z, a-z, 0-9, _ and -" in line
        assert secret not in line

    @pytest.mark.parametrize("url", ["", "http://desk.example"])
    def test_an_address_that_telegram_cannot_call_is_refused(
        self, tmp_path: Path, url: str
    ) -> None:
        line = refusal(tmp_path, "", BY_WEBHOOK | {"COUNTERSIGN_WEB__PUBLIC_URL": url})

        assert line.startswith("web.public_url")


class TestWatchdog:
    @pytest.mark.parametrize(
        "url",
        [
            "a.example/hunter2",
            "ftp://a/hunter2",
            "https://hunter2@a.example",
            "https://a b/hunter2",
        ],
    )
    def test_what_is_no_address_is_refused_and_not_repeated(self, tmp_path: Path, url: str) -> None:
        line = refusal(tmp_path, f'[watchdog]\nheartbeat_url = "{url}"')

        assert line.startswith("watchdog.heartbeat_url (countersign.toml): not an address")
        assert "hunter2" not in line


class TestDeadMan:
    """A switch that the exchange does not have must not be believed in."""

    @pytest.mark.parametrize("exchange", ["binance", "coinbase", "bybit", "bitvavo", "gate"])
    def test_an_exchange_that_has_none_that_is_used_here_is_named(
        self, tmp_path: Path, exchange: str
    ) -> None:
        file = VENUE.replace("binance", exchange) + 'dead_man = "60s"'

        assert refusal(tmp_path, file) == (
            f"venues.main.dead_man (countersign.toml): {exchange} has no dead man's switch that can"
            " be used here; remove it"
        )

    def test_what_spot_has_its_contracts_may_not_and_the_other_way_round(
        self, tmp_path: Path
    ) -> None:
        swap = '\nmarket = "swap"\ndead_man = "60s"\n'

        assert "has no dead man's switch" in refusal(tmp_path, VENUE + swap)
        futures = load(tmp_path, VENUE.replace("binance", "krakenfutures") + swap)
        assert futures.venues["main"].dead_man == timedelta(seconds=60)

    @pytest.mark.parametrize(
        ("exchange", "time", "longest"),
        [
            ("okx", "121s", "120s"),
            ("okx", "9s", "120s"),
            ("okx", "60.5s", "120s"),
            ("kraken", "24h", "86399s"),
        ],
    )
    def test_a_time_it_does_not_take_is_refused_with_what_it_takes(
        self, tmp_path: Path, exchange: str, time: str, longest: str
    ) -> None:
        file = VENUE.replace("binance", exchange) + f'dead_man = "{time}"'

        assert refusal(tmp_path, file) == (
            f"venues.main.dead_man (countersign.toml): {exchange} takes whole seconds from"
            f' "10s" to "{longest}"; "60s" is usual'
        )

    @pytest.mark.parametrize("value", ["60", '"60"', "true", '"off"', "0"])
    def test_what_is_no_duration_is_refused_and_not_taken_for_off(
        self, tmp_path: Path, value: str
    ) -> None:
        file = VENUE.replace("binance", "kraken") + f"dead_man = {value}"

        assert "not a duration" in refusal(tmp_path, file)


class TestKeysOnPaper:
    @pytest.mark.parametrize("key", ["api_key", "secret", "password"])
    def test_what_nothing_is_signed_with_is_refused(self, tmp_path: Path, key: str) -> None:
        variable = f"COUNTERSIGN_VENUES__MAIN__{key.upper()}"
        line = refusal(tmp_path, VENUE.replace("sandbox", "paper"), {variable: "k"})
        where = "venues.main.mode (countersign.toml)"
        assert line == f"{where}: on paper binance is asked for prices only; take out {variable}"


class TestContracts:
    @pytest.mark.parametrize("exchange", ["bybit", "coinbase"])
    def test_where_they_are_not_built_the_line_says_where_they_are(
        self, tmp_path: Path, exchange: str
    ) -> None:
        file = VENUE.replace("binance", exchange).replace("sandbox", "paper")
        line = refusal(tmp_path, file + 'market = "swap"')
        assert line == (
            f'venues.main.market (countersign.toml): "swap" is not built at {exchange} yet;'
            " it is at paper, binance, binanceusdm, kraken, krakenfutures"
        )

    def test_an_exchange_that_has_nothing_else_is_no_spot_market(self, tmp_path: Path) -> None:
        line = refusal(tmp_path, VENUE.replace("binance", "binanceusdm"))
        where = "venues.main.market (countersign.toml)"
        assert line == f'{where}: binanceusdm has contracts only; write "swap"'

    @pytest.mark.parametrize("market", ["", 'market = "spot"\n'])
    def test_leverage_means_nothing_on_spot(self, tmp_path: Path, market: str) -> None:
        line = refusal(tmp_path, VENUE + market + "max_leverage = 2")
        where = "venues.main.max_leverage (countersign.toml)"
        assert line == f'{where}: spot has none; remove it, or write market = "swap"'

    @pytest.mark.parametrize("wrong", ["0", "0.5", "-1"])
    def test_less_leverage_than_none_is_refused(self, tmp_path: Path, wrong: str) -> None:
        line = refusal(tmp_path, VENUE + f'market = "swap"\nmax_leverage = {wrong}')
        assert line.startswith("venues.main.max_leverage (countersign.toml): ")

    def test_a_third_kind_of_market_is_refused_with_those_there_are(self, tmp_path: Path) -> None:
        line = refusal(tmp_path, VENUE + 'market = "futures"')
        assert line == "venues.main.market (countersign.toml): not one of 'spot' or 'swap'"

    def test_a_dead_mans_switch_that_cannot_be_used_is_refused(self, tmp_path: Path) -> None:
        line = refusal(tmp_path, VENUE + 'market = "swap"\ndead_man = "60s"')
        where = "venues.main.dead_man (countersign.toml)"
        assert line == f"{where}: binance has no dead man's switch that can be used here; remove it"


class TestNotBuilt:
    @pytest.mark.parametrize(
        ("file", "key"),
        [
            (SOURCE.replace("tradingview", "poll"), "sources.tv.kind"),
            (SOURCE + 'url = "https://x"', "sources.tv.url"),
            (SOURCE + "headers = { a = 'b' }", "sources.tv.headers"),
            ('[database]\nurl = "postgres://u:p@h/d"', "database.url"),
        ],
    )
    def test_a_key_of_a_later_version_is_refused_by_name(
        self, tmp_path: Path, file: str, key: str
    ) -> None:
        line = refusal(tmp_path, file, TV_SECRET if "sources.tv" in file else {})

        assert line.startswith(f"{key} (countersign.toml): ")
        assert "not built yet" in line
