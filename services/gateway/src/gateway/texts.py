"""What citizens read, Japanese first; one entry a sentence, both languages side by side."""

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("カードでログイン", "Log in with your card"),
    "service": ("しるし 認証サービス", "Shirushi authentication service"),
    "asks": ("のログイン", "asks you to log in"),
    "purpose": ("利用目的", "Purpose"),
    "asked": ("お渡しする情報", "What will be handed over"),
    "asked_none": (
        "お名前や住所などは渡りません。「前回と同じ方である」ことだけが伝わります。",
        "No name, no address: the site only learns that you are the same person as last time.",
    ),
    "asked_some": (
        "スマートフォンの画面で、項目ごとに同意するかどうかを選べます。",
        "You decide about each item on your phone.",
    ),
    "attribute_name": ("氏名", "Name"),
    "attribute_address": ("住所", "Address"),
    "attribute_birthdate": ("生年月日", "Date of birth"),
    "attribute_gender": ("性別", "Gender"),
    "goes_to": ("ログイン後に戻る先", "You will come back to"),
    "same_device": ("このスマートフォンでログイン", "Log in on this phone"),
    "same_device_how": (
        "アプリが開きます。カードをかざし、暗証番号を入力してください。",
        "The app opens. Hold your card to the phone and type your PIN.",
    ),
    "open_app": ("アプリを開く", "Open the app"),
    "other_device": ("パソコンでログイン", "Log in on a computer"),
    "other_device_how": (
        "スマートフォンのアプリで、このQRコードを読み取ってください。",
        "Scan this QR code with the app on your phone.",
    ),
    "qr_alt": ("ログイン用のQRコード", "QR code to log in"),
    "qr_fresh": ("QRコードは数秒ごとに新しくなります。", "The code renews itself every few seconds."),
    "next": ("読み取ったら次へ", "I have scanned it, continue"),
    "cancel": ("ログインをやめる", "Cancel"),
    "test_card": ("テストカードで続ける", "Continue with a test card"),
    "test_note": ("サンドボックス環境です。実在のカードは使えません。", "This is a sandbox. Real cards do not work here."),
    "expires": ("この画面は5分間有効です。", "This page is valid for five minutes."),
    "safety": (
        "心当たりのないログイン画面では、カードをかざさないでください。",
        "Never use your card for a login that you did not start yourself.",
    ),
    "waiting_title": ("スマートフォンで確認しています", "Continue on your phone"),
    "waiting": (
        "スマートフォンでカードをかざし、暗証番号を入力してください。終わると、この画面は自動的に進みます。",
        "Hold your card to your phone and type your PIN. This page continues by itself.",
    ),
    "checking": ("カードの有効性を確認しています。", "Checking that your card is valid."),
    "needs_return_title": ("アプリからお戻りください", "Come back from the app"),
    "needs_return": (
        "アプリの「ブラウザーに戻る」を押すとログインが完了します。別のブラウザーが開いた場合は、そこに表示された6文字の"
        "コードをここに入力してください。",
        "Press “back to the browser” in the app to complete the login. If another browser opened, type the six characters"
        " that it shows here.",
    ),
    "code_label": ("確認コード（6文字）", "Code (six characters)"),
    "code_submit": ("コードを送信", "Submit code"),
    "code_wrong": ("コードが違います。もう一度確認してください。", "That code is wrong. Please check it again."),
    "code_spent": (
        "コードを何度も間違えたため、このログインは続けられません。",
        "The code was wrong too often; this login cannot go on.",
    ),
    "other_browser_title": ("はじめのブラウザーに戻ってください", "Go back to your first browser"),
    "other_browser": (
        "ログインを始めた画面に、次のコードを入力してください。",
        "Type this code into the page where you started to log in.",
    ),
    "other_browser_warning": (
        "ご自身で始めたログインでなければ、何もせずこの画面を閉じてください。コードを誰かに教えないでください。",
        "If you did not start this login yourself, close this page and do nothing. Never tell anybody the code.",
    ),
    "back": ("サイトに戻る", "Back to the site"),
    "error_title": ("ログインを続けられません", "This login cannot go on"),
    "client_id_missing": (
        "サイトからの要求に、サイトの識別子（client_id）がありません。サイトの運営者にお知らせください。",
        "The site's request has no client_id. Please tell the site's operator.",
    ),
    "client_id_unknown": (
        "登録されていないサイトからの要求です。サイトの運営者にお知らせください。",
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
        "サイトからの要求を読み取れません（重複した項目、長すぎる項目など）。サイトの運営者にお知らせください。",
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
    "not_ready": ("まだ完了していません。", "Not complete yet."),
    "too_large": ("送信された内容が大きすぎます。", "What was sent is too large."),
    "unavailable": (
        "ただいま混み合っているか、一時的に利用できません。少し待ってからお試しください。",
        "The service is temporarily not available. Please try again in a moment.",
    ),
    "not_found": ("ページが見つかりません。", "There is no such page."),
    "wrong_method": ("この操作はできません。", "That is not possible here."),
}


def texts_of(language: str) -> dict[str, str]:
    """Returns every text in a language, `ja` or `en`."""
    return _BY_LANGUAGE[language]


_BY_LANGUAGE = {
    "ja": {key: japanese for key, (japanese, _) in TEXTS.items()},
    "en": {key: english for key, (_, english) in TEXTS.items()},
}
