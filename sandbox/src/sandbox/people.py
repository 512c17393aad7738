"""Invented people for the test cards, and as many synthetic ones as a load test wants; the same index is the same person."""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from sandbox.ca.leaf import SignatureNames
from sandbox.ca.profile import Municipality

KIYOSE = Municipality("13221", "Tokyo-to", "Kiyose-shi", "東京都", "清瀬市")
MUNICIPALITIES = (
    KIYOSE,
    Municipality("13104", "Tokyo-to", "Shinjuku-ku", "東京都", "新宿区"),
    Municipality("14131", "Kanagawa-ken", "Kawasaki-shi Kawasaki-ku", "神奈川県", "川崎市川崎区"),
    Municipality("01101", "Hokkaido", "Sapporo-shi Chuo-ku", "北海道", "札幌市中央区"),
    Municipality("27127", "Osaka-fu", "Osaka-shi Kita-ku", "大阪府", "大阪市北区"),
    Municipality("26104", "Kyoto-fu", "Kyoto-shi Nakagyo-ku", "京都府", "京都市中京区"),
    Municipality("40133", "Fukuoka-ken", "Fukuoka-shi Chuo-ku", "福岡県", "福岡市中央区"),
    Municipality("47201", "Okinawa-ken", "Naha-shi", "沖縄県", "那覇市"),
)
FAMILY_NAMES = ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田")
GIVEN_NAMES = {
    "1": ("蓮", "湊", "大翔", "悠真", "健一", "直樹", "浩二", "誠", "翔太", "和也"),
    "2": ("陽葵", "凛", "結菜", "さくら", "美咲", "恵子", "由美", "愛", "千尋", "真由美"),
}
TOWNS = ("中央", "本町", "松山", "旭が丘", "緑町", "元町", "栄町", "東", "西町", "桜台")
FULL_WIDTH = str.maketrans("0123456789-", "０１２３４５６７８９－")
# First year of each era as certificates number them: 3 Showa, 4 Heisei, 5 Reiwa; older people are not needed here.
ERAS = (("20190501", "5"), ("19890108", "4"), ("19261225", "3"), ("19120730", "2"))


@dataclass(frozen=True)
class Person:
    """The four attributes as the card's text application holds them, and where the person lives.

    `birthdate` is `YYYYMMDD`, `gender` `1` (male) or `2` (female).
    """

    name: str
    address: str
    birthdate: str
    gender: str
    municipality: Municipality

    def __str__(self) -> str:
        """The name, as the command line shows it."""
        return self.name

    def signature_names(self) -> SignatureNames:
        """The attributes as the signature certificate's otherNames spell them."""
        era = next((number for start, number in ERAS if self.birthdate >= start), "1")
        return SignatureNames(self.name, f"{era}{self.birthdate}", self.gender, self.address)

    def birthday_in(self, year: int) -> datetime:
        """This person's birthday in a year; someone born on 29 February ages on the day before, as Japanese law says."""
        month, day = int(self.birthdate[4:6]), int(self.birthdate[6:])
        if (month, day) == (2, 29):
            day = 28
        return datetime(year, month, day, tzinfo=UTC)

    def attribute(self, name: str) -> str:
        """One of `name`, `address`, `birthdate`, `gender`."""
        values = {"name": self.name, "address": self.address, "birthdate": self.birthdate, "gender": self.gender}
        return values[name]


def synthetic(index: int) -> Person:
    """The person with this index, always the same; nobody real."""
    random = Random(index)
    municipality = random.choice(MUNICIPALITIES)
    gender = random.choice("12")
    block = f"{random.randint(1, 9)}-{random.randint(1, 30)}-{random.randint(1, 20)}".translate(FULL_WIDTH)
    return Person(
        name=f"{random.choice(FAMILY_NAMES)}　{random.choice(GIVEN_NAMES[gender])}",
        address=f"{municipality.prefecture_ja}{municipality.name_ja}{random.choice(TOWNS)}{block}",
        birthdate=f"{random.randint(1945, 2005)}{random.randint(1, 12):02}{random.randint(1, 28):02}",
        gender=gender,
        municipality=municipality,
    )
