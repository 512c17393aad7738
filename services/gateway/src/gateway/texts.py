"""What citizens read, Japanese first; one entry a sentence, both languages side by side."""
# ruff: noqa: ISC004 - full-width punctuation is Japanese, and long sentences stand on two lines.

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("マイナンバーカードでログイン", "Log in with your My Number Card"),
    "service": ("しるし 認証サービス", "Shirushi authentication service"),
    "skip": ("本文へ", "Skip to the content"),
    "other_language": ("English", "日本語"),
    "footer": (
        "しるしは、ログインの記録を1時間以内にすべて消去します。",
        "Shirushi erases everything about this login within an hour.",
    ),
    "asks": ("へのログイン", "You are about to log in"),
    "purpose": ("利用目的", "Purpose"),
    "asked": ("お渡しする情報", "What is handed over"),
    "asked_none": (
        "お名前や住所などは渡されません。「前回と同じ方である」ことだけが伝わります。",
        "No name, no address: the site only learns that you are the same person as last time.",
    ),
    "asked_some": (
        "お渡しするかどうかは、スマートフォンの画面で項目ごとに選べます。",
        "You decide about each item on your phone.",
    ),
    "asked_must": (
        "必須の項目に同意されない場合は、ログインできません。",
        "Without those that are required you cannot log in.",
    ),
    "essential": ("必須", "required"),
    "attribute_name": ("氏名", "Name"),
    "attribute_address": ("住所", "Address"),
    "attribute_birthdate": ("生年月日", "Date of birth"),
    "attribute_gender": ("性別", "Sex"),
    "goes_to": ("ログイン後の戻り先", "Afterwards you return to"),
    "same_device": ("この端末のアプリで", "With the app on this device"),
    "same_device_how": (
        "アプリが開きます。カードをかざし、暗証番号を入力してください。",
        "The app opens. Hold your card to the phone and type your PIN.",
    ),
    "open_app": ("アプリを開く", "Open the app"),
    "other_device": ("スマートフォンのアプリで読み取る", "Scan with the app on your phone"),
    "step_scan": ("アプリでこのQRコードを読み取る", "Scan this QR code with the app"),
    "step_tap": ("マイナンバーカードをスマートフォンにかざす", "Hold your My Number Card to the phone"),
    "step_pin": (
        "利用者証明用の暗証番号（数字4桁）を入力する",
        "Type the 4-digit PIN for user authentication",
    ),
    "qr_alt": ("ログイン用のQRコード", "QR code to log in"),
    "qr_fresh": ("QRコードは数秒ごとに新しくなります。", "The code renews itself every few seconds."),
    "qr_click": ("サンドボックス：クリックで読み取る", "Sandbox: click instead of scanning"),
    "next": ("読み取ったら、次へ", "I have scanned it: continue"),
    "next_app": ("アプリで操作したら、次へ", "I have used the app: continue"),
    "cancel": ("ログインをやめる", "Cancel"),
    "sandbox": ("サンドボックス", "Sandbox"),
    "test_card": ("テストカードで続ける", "Continue with a test card"),
    "test_note": ("実在のカードは使えません。", "Real cards do not work here."),
    "expires": ("{} まで有効です。", "Valid until {} (Japan time)."),
    "safety": (
        "ご自身で始めたログインでなければ、カードをかざさず、この画面を閉じてください。",
        "If you did not start this login yourself, do not use your card and close this page.",
    ),
    "waiting_asked": ("スマートフォンでの操作をお待ちしています", "Waiting for your phone"),
    "waiting_claimed": ("スマートフォンで操作を続けてください", "Continue on your phone"),
    "waiting_delayed": ("カードの有効性を確認しています", "Checking that your card is valid"),
    "waiting_answered": ("確認しています", "Checking"),
    "waiting_check": (
        "カードの情報を受け取りました。この画面のままお待ちください。",
        "What the card said has arrived. Please stay on this page.",
    ),
    "waiting_app": (
        "アプリでQRコードを読み取り、カードをかざしてください。",
        "Scan the QR code with the app and hold your card to the phone.",
    ),
    "waiting_pin": (
        "カードをかざし、利用者証明用の暗証番号（数字4桁）を入力してください。",
        "Hold your card to the phone and type the 4-digit PIN for user authentication.",
    ),
    "waiting_long": (
        "確認先からの回答を待っています。時間がかかることがありますが、この画面のままお待ちください。",
        "We are still waiting for confirmation that your card is valid. This may take a while; please stay on this page.",
    ),
    "to_site": (
        "終わると、自動的に「{}」へ進みます。",
        "When that is done, this page goes on to {} by itself.",
    ),
    "code_title": ("もう少しで完了です", "One more step"),
    "code_by_app": (
        "アプリから戻った画面で「{}」へのログインが完了します。別のブラウザーが開いたときは、そこに表示された6文字の"
        "コードを入力してください。",
        "The login to {} is completed by the page that the app returns to. If that was another browser, type the six"
        " characters that it shows.",
    ),
    "code_by_phone": (
        "「{}」へのログインを完了するには、スマートフォンの画面に表示された6文字のコードを入力してください。",
        "To complete the login to {}, type the six characters that your phone shows.",
    ),
    "code_label": ("確認コード（6文字）", "Code (six characters)"),
    "code_submit": ("完了する", "Complete"),
    "typed_code_wrong": ("コードが違います。もう一度ご確認ください。", "That code is wrong. Please check it again."),
    "typed_code_spent": (
        "コードを何度も間違えたため、このログインは続けられません。サイトからもう一度お試しください。",
        "The code was wrong too often; this login cannot go on. Please start again from the site.",
    ),
    "other_browser_title": ("はじめの画面にお戻りください", "Go back to where you started"),
    "other_browser": (
        "「{}」へのログインを始めたブラウザーの画面に、次のコードを入力してください。",
        "Type this code into the browser in which you started to log in to {}.",
    ),
    "other_browser_warning": (
        "ご自身で始めたログインでなければ、何もせずにこの画面を閉じてください。コードは誰にも伝えないでください。",
        "If you did not start this login yourself, close this page and do nothing. Never tell anybody the code.",
    ),
    "error_title": ("ログインを続けられません", "This login cannot go on"),
    "error_code": ("サイトの運営者の方へ：", "For the site's operator:"),
    "client_id_missing": (
        "サイトからの要求に、サイトの識別子（client_id）がありません。サイトの運営者にお知らせください。",
        "The site's request has no client_id. Please tell the site's operator.",
    ),
    "client_id_unknown": (
        "登録されていないサイトからの要求です（client_id）。サイトの運営者にお知らせください。",
        "The request comes from a site that is not registered (client_id). Please tell the site's operator.",
    ),
    "redirect_uri_missing": (
        "サイトからの要求に、戻り先（redirect_uri）がありません。サイトの運営者にお知らせください。",
        "The site's request has no redirect_uri. Please tell the site's operator.",
    ),
    "redirect_uri_unregistered": (
        "要求された戻り先（redirect_uri）は登録されていません。安全のため、どこにも移動しません。",
        "The requested redirect_uri is not registered. To be safe you are not sent anywhere.",
    ),
    "request_unreadable": (
        "サイトからの要求を読み取れません（項目の重複や長すぎる項目など）。サイトの運営者にお知らせください。",
        "The site's request cannot be read (a parameter is doubled, too long or not text). Please tell its operator.",
    ),
    "wrong_browser": (
        "このログインは別のブラウザーで始められました。始めたブラウザーでお続けください。",
        "This login was started in another browser. Please go on there.",
    ),
    "gone": (
        "このログインは終了したか、時間切れになりました。サイトからもう一度お試しください。",
        "This login has ended or its time is up. Please start again from the site.",
    ),
    "already_collected": (
        "このログインは完了しています。サイトの画面をご確認ください。",
        "This login is already complete. Please look at the site's page.",
    ),
    "too_large": (
        "送信された内容が大きすぎるか、途中で途切れました。",
        "What was sent is too large, or was cut short.",
    ),
    "unavailable": (
        "ただいま混み合っているか、一時的に利用できません。少し待ってから、ページを読み込み直してください。",
        "The service is temporarily not available. Please wait a moment and load this page again.",
    ),
    "not_found": ("ページが見つかりません。", "There is no such page."),
    "wrong_method": ("この操作はできません。", "That is not possible here."),
    "broken": (
        "システムの問題が起きました。サイトからもう一度お試しください。",
        "Something went wrong here. Please start again from the site.",
    ),
}


def texts_of(language: str) -> dict[str, str]:
    """Returns every text in a language, `ja` or `en`."""
    return _BY_LANGUAGE[language]


_BY_LANGUAGE = {
    "ja": {key: japanese for key, (japanese, _) in TEXTS.items()},
    "en": {key: english for key, (_, english) in TEXTS.items()},
}
