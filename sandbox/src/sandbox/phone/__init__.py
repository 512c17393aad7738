"""The simulated phone: an app and a card, which know of Shirushi only its public app API."""
