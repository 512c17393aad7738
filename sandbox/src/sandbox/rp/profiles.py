"""What tells the sample sites apart: what they ask for and how they look; the code behind them is the same."""

from dataclasses import dataclass

Text = tuple[str, str]


@dataclass(frozen=True)
class Service:
    """One thing that the site offers; texts are (Japanese, English), `icon` an SVG path of 24 by 24."""

    icon: str
    title: Text
    text: Text


@dataclass(frozen=True)
class Site:
    """A sample relying party; texts are (Japanese, English)."""

    name: str
    scope: str
    title: Text
    claim: Text
    lead: Text
    why: Text
    welcome: Text
    services: tuple[Service, ...]
    colour: str
    deep: str
    pale: str


CITY = Site(
    name="city",
    scope="openid name address",
    title=("しるし市 子育てアプリ", "Shirushi City Childcare"),
    claim=("子育ての手続きを、\nおうちから。", "Childcare paperwork,\nfrom home."),
    lead=(
        "健診の予約、保育園の申し込み、手当の手続き。マイナンバーカードがあれば、窓口に行かずに済ませられます。",
        "Check-ups, nursery places, allowances: with your My Number Card there is no need to visit the city office.",
    ),
    why=(
        "保護者の方の確認のため、お名前をうかがいます。ご住所をお渡しになるかどうかは、アプリの画面で選べます。",
        "We ask for your name to confirm that you are the parent. Whether to give your address is up to you, in the app.",
    ),
    welcome=("お子さまの予定", "Coming up"),
    services=(
        Service(
            "M12 20s-7-4.3-7-9.5A4 4 0 0 1 12 8a4 4 0 0 1 7 2.5C19 15.7 12 20 12 20z",
            ("乳幼児健診", "Check-ups"),
            ("次は１歳６か月児健診です", "Next: at 18 months"),
        ),
        Service(
            "M4 11l8-7 8 7v9H4z M10 20v-6h4v6",
            ("保育園の申し込み", "Nursery"),
            ("４月入園の受付中です", "Open for April"),
        ),
        Service(
            "M4 7h16v11H4z M12 15.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6z M7 10.5v4 M17 10.5v4",
            ("児童手当", "Allowance"),
            ("現況届はまだ必要ありません", "Nothing to hand in now"),
        ),
    ),
    colour="#0f766e",
    deep="#115e59",
    pale="#ecfdf5",
)
BANK = Site(
    name="bank",
    scope="openid name address birthdate gender",
    title=("つきみ銀行", "Tsukimi Bank"),
    claim=("口座開設は、\nカードをかざすだけ。", "Open an account\nwith a tap of your card."),
    lead=(
        "書類の郵送も、来店も要りません。マイナンバーカードで本人確認をして、最短５分で口座をお使いいただけます。",
        "No paper, no visit to a branch: identify yourself with your My Number Card and start within five minutes.",
    ),
    why=(
        "法律に基づく本人確認のため、お名前・ご住所・生年月日をうかがいます（性別は任意）。マイナンバーは受け取りません。",
        "The law has us ask for name, address and birth date (sex is optional). We never receive your My Number.",
    ),
    welcome=("お手続き", "Your account"),
    services=(
        Service(
            "M4 10l8-6 8 6z M6 10v8 M10 10v8 M14 10v8 M18 10v8 M4 20h16",
            ("普通預金口座", "Savings account"),
            ("本人確認が済みました", "You are identified"),
        ),
        Service(
            "M3 6h18v12H3z M3 10h18 M7 15h4",
            ("キャッシュカード", "Cash card"),
            ("ご住所に郵送します", "On its way to your address"),
        ),
        Service(
            "M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M12 12h9 M18 12v3 M21 12v2",
            ("パスキー", "Passkey"),
            ("次回からカードなしでも入れます", "Soon: sign in without the card"),
        ),
    ),
    colour="#3730a3",
    deep="#312e81",
    pale="#eef2ff",
)
SITES = {site.name: site for site in (CITY, BANK)}
CLAIM_LABELS = {
    "name": ("お名前", "Name"),
    "address": ("ご住所", "Address"),
    "birthdate": ("生年月日", "Birth date"),
    "gender": ("性別", "Sex"),
}
GENDERS = {"1": ("男", "male"), "2": ("女", "female")}
# The classes of refusal that the gateway tells (docs/errors.md), in words for the visitor.
REFUSALS = {
    "cancelled": ("ログインを取りやめました", "You cancelled the login"),
    "card_not_accepted": ("このカードではログインできませんでした", "This card was not accepted"),
    "could_not_be_checked": (
        "カードの有効性を確認できませんでした。時間をおいてお試しください",
        "The card could not be checked. Please try again later",
    ),
    "expired": ("時間切れになりました", "The login took too long"),
}
