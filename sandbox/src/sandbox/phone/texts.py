"""What the simulated phone says, as (Japanese, English)."""

Text = tuple[str, str]

ATTRIBUTES: dict[str, Text] = {
    "name": ("氏名", "Name"),
    "address": ("住所", "Address"),
    "birthdate": ("生年月日", "Birth date"),
    "gender": ("性別", "Sex"),
}
HINTS: dict[str, tuple[str, Text]] = {
    "same": ("good", ("このスマートフォンと同じネットワークです", "On the same network as this phone")),
    "different": (
        "warn",
        (
            "このスマートフォンとは別のネットワークです。ご自分で操作した画面か、ご確認ください",
            "On another network than this phone. Make sure that it is you who opened that page",
        ),
    ),
    "unknown": ("plain", ("ネットワークは確認できませんでした", "The network could not be compared")),
}
PROBLEMS: dict[str, Text] = {
    "not_a_link": ("リンクを読み取れません。", "This is not a link for this app."),
    "token_unknown": ("このリンクは使えません。", "This link is not valid."),
    "token_expired": ("リンクの有効期限が切れました。", "This link has expired."),
    "challenge_unknown": ("この認証は終わっています。", "This request is over."),
    "challenge_expired": ("時間切れになりました。", "This request has expired."),
    "already_claimed": ("ほかの端末で開かれています。", "Another phone has opened this already."),
    "already_answered": ("すでに回答済みです。", "This was answered already."),
    "altered": (
        "届いた内容が途中で書き換えられているおそれがあるため、中止しました。",
        "What arrived may have been altered on its way, so the app stopped.",
    ),
    "malformed_request": ("入力内容をご確認ください。", "Please check what you entered."),
    "unreachable": ("サーバーにつながりません。", "The service cannot be reached."),
    "unknown": ("うまくいきませんでした。もう一度お試しください。", "That did not work. Please try again."),
}
# The exact reasons (docs/errors.md) in words for the holder; one that is missing here is shown by its name.
REASONS: dict[str, Text] = {
    "CERTIFICATE_EXPIRED": ("電子証明書の有効期限が切れています。", "Your certificate has expired."),
    "CERTIFICATE_NOT_YET_VALID": ("電子証明書はまだ有効ではありません。", "Your certificate is not valid yet."),
    "CERTIFICATE_REVOKED": ("電子証明書が失効しています。", "Your certificate was revoked."),
    "CERTIFICATE_SUSPENDED": ("電子証明書が一時停止されています。", "Your certificate is on hold."),
    "CERTIFICATE_UNKNOWN": ("電子証明書を確認できません。", "Your certificate is not known to J-LIS."),
    "CERTIFICATE_WRONG_POLICY": ("この用途に使えない電子証明書です。", "This certificate is for another purpose."),
    "CERTIFICATE_WRONG_KIND": ("この用途に使えない電子証明書です。", "This certificate is for another purpose."),
    "CERTIFICATE_UNTRUSTED": ("発行者を確認できない電子証明書です。", "The issuer of this certificate is not trusted."),
    "SIGNATURE_INVALID": ("カードの署名が正しくありません。", "The card's signature is wrong."),
    "ATTESTATION_INVALID": ("このアプリが正規のものと確認できません。", "This app could not be shown to be genuine."),
    "CHALLENGE_EXPIRED": ("時間切れになりました。", "The answer came too late."),
    "REVOCATION_UNAVAILABLE": ("有効性を確認できませんでした。", "Your certificate could not be checked."),
    "ATTRIBUTE_DECLINED": ("必須の項目に同意がありませんでした。", "You did not agree to a required item."),
    "BINDING_MISMATCH": ("ログインの内容が一致しません。", "The answer was for another login."),
}
