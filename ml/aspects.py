"""What a text is about: its clauses, their aspects, and its topic, by word lists. Pure.

No labelled set of aspects ships in any package, so the words are our own, in English
and Chinese; a clause's tone is the model's (ml.sentiment). Chinese needs no word
breaks: a term is looked for anywhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

QUALITY, PRICE, DELIVERY = "quality", "price", "delivery"
TASTE_FIT, SERVICE = "taste_fit", "service"
ASPECTS = (QUALITY, PRICE, DELIVERY, TASTE_FIT, SERVICE)
ENGLISH: Mapping[str, str] = {
    QUALITY: "quality|well made|made|build|built|material\\w*|fabric|durab\\w*|sturd\\w*|"
    "flims\\w*|solid|broke\\w*|break\\w*|brok\\w*|crack\\w*|defect\\w*|faulty|work\\w*|"
    "stopp\\w* working|fell apart|fall\\w* apart|last(?:s|ed)?|lasting|wore out|worn|"
    "leak\\w*|scratch\\w*|rust\\w*|sound\\w*|picture|screen|battery|charg\\w+|reliab\\w*|"
    "finish|stitch\\w*|seam\\w*|zip\\w*|handle|lid|motor|perform\\w*|junk|rubbish|"
    "fresh\\w*|stale|rotten|mou?ld\\w*|expired|fell off|peel\\w*|shrank|shrunk|fad(?:e|ed|es)|"
    "pill(?:s|ed|ing)|noise|noisy|loud|quiet|overheat\\w*|camera|signal|reception|design",
    PRICE: "price\\w*|pric(?:e|ed|ey|y|ing)|cost\\w*|expensive|cheap(?:er|est)?|afford\\w*|"
    "bargain|value|money|overpriced|worth|discount\\w*|deal|dollars?|euros?|pounds?|"
    "coupon\\w*|pay|paid|rip-?off|budget|\\$\\d+",
    DELIVERY: "deliver\\w*|ship(?:ped|ping|ment|s)?|arriv\\w*|courier|parcel|package|"
    "packag\\w*|packing|packed|box|tracking|dispatch\\w*|late|postage|post(?:ed|al|man)|"
    "on time|next day|weeks? to come|came (?:early|late|quick\\w*|fast|damaged)|transit",
    TASTE_FIT: "tast\\w*|flavou?r\\w*|delicious|yummy|tasty|sweet\\w*|bitter|sour|salty|"
    "bland|smell\\w*|scent\\w*|fragran\\w*|aroma|fit(?:s|ted|ting)?|siz(?:e|es|ed|ing)|"
    "too (?:small|large|big|tight|loose|long|short|wide|narrow)|comfort\\w*|tight|loose|"
    "baggy|snug|colou?r\\w*|waist|sleeve\\w*|shoulders?|toes?|spicy|texture|crunchy|juicy",
    SERVICE: "service|support|staff|seller|customer (?:care|service)|helpful|rude|polite|"
    "repl(?:y|ied|ies)|respon[ds]\\w*|refund\\w*|return(?:s|ed|ing)?|exchange\\w*|"
    "warranty|complain\\w*|answered|hotline|chat|agent|representative|replacement|hung up",
}
CHINESE: Mapping[str, str] = {
    QUALITY: "质量|质感|品质|做工|材质|面料|布料|料子|耐用|结实|牢固|坏了|坏|破|裂|断|"
    "掉色|褪色|起球|缩水|线头|开线|开胶|掉漆|漏水|漏|生锈|瑕疵|次品|正品|假货|假的|山寨|"
    "音质|屏幕|电池|续航|充电|按键|噪音|声音|性能|好用|难用|耐穿|新鲜|变质|发霉|过期|烂|"
    "手感|效果|散热|死机|卡顿|卡|信号|像素|画质|印刷|纸张|异味|毛刺|松动|故障|灵敏|功能|设计|外观",
    PRICE: "价格|价钱|价位|便宜|贵|性价比|划算|实惠|优惠|打折|折扣|降价|涨价|值得|值|"
    "超值|物美价廉|花钱|块钱|元|钱|坑钱|合算|促销|活动价",
    DELIVERY: "物流|快递|发货|送货|配送|到货|收到货|送到|包装|包裹|盒子|箱子|运输|派送|"
    "快递员|签收|延误|破损|压坏|速度快|迟到|次日达|隔天|运费",
    TASTE_FIT: "味道|口味|口感|好吃|难吃|好喝|难喝|香味|香|甜|苦|酸|咸|辣|腥|气味|味儿|"
    "尺码|尺寸|大小|合身|合适|合脚|偏大|偏小|太大|太小|太紧|太松|宽松|紧身|舒服|舒适|"
    "颜色|色差|版型|显瘦|显胖|上身|脚感|磨脚|硌|码|款式",
    SERVICE: "客服|服务|态度|卖家|店家|商家|老板|售后|退货|退款|换货|退换|回复|理赔|投诉|"
    "保修|维修|不理|推脱|耐心|热情|解决问题|处理",
}
MORE_ENGLISH: Mapping[str, str] = {
    "safety": "recall\\w*|danger\\w*|unsafe|fire|burn\\w*|injur\\w*|poison\\w*|allerg\\w*|"
    "toxic|hazard\\w*|sick|contaminat\\w*|shock",
    "website": "website|web ?site|app|login|log ?in|checkout|password|account|page",
    "promotion": "promo\\w*|coupon\\w*|voucher\\w*|discount\\w*|sale|offer\\w*|code",
    "returns": "refund\\w*|return(?:ed|ing|s)?|money back|exchange\\w*",
}
MORE_CHINESE: Mapping[str, str] = {
    "safety": "召回|危险|起火|着火|烧|受伤|中毒|过敏|有毒|隐患|爆炸|漏电|拉肚子|污染",
    "website": "网站|网页|登录|登陆|账号|密码|下单页面|闪退|应用|软件",
    "promotion": "优惠券|优惠码|促销|满减|折扣|活动|红包",
    "returns": "退货|退款|换货|退换",
}


def _compiled(terms: Mapping[str, str], *, words: bool) -> dict[str, re.Pattern[str]]:
    around = r"\b(?:{})\b" if words else "(?:{})"
    return {
        name: re.compile(around.format(said), re.IGNORECASE)
        for name, said in terms.items()
    }


TERMS = {
    "en": _compiled(ENGLISH, words=True),
    "zh": _compiled(CHINESE, words=False),
}
TOPICS = {
    "en": _compiled({**MORE_ENGLISH, **ENGLISH}, words=True),
    "zh": _compiled({**MORE_CHINESE, **CHINESE}, words=False),
}
BREAKS = {
    "en": re.compile(
        r"[.!?;,:]+\s+|[!?;]+|\s+-+\s+|\b(?:but|however|although|though|yet|except|while|whereas)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"[，。！？；,!?;…～~\s]+|(?:但是|不过|可是|可惜|然而|只是|就是|虽然|但)"
    ),
}
AND = re.compile(r"\band\b", re.IGNORECASE)


def clauses(text: str, language: str) -> list[str]:
    """Split a text where its tone may turn; English "and" where both sides have one."""
    found = [one.strip() for one in BREAKS[language].split(text)]
    parts = [part for one in found if one for part in _halves(one, language)]
    return parts or [text]


def _halves(clause: str, language: str) -> Iterator[str]:
    halves = AND.split(clause) if language == "en" else [clause]
    if len(halves) > 1 and all(named(half, language) for half in halves):
        yield from (half.strip() for half in halves)
    else:
        yield clause


def named(clause: str, language: str) -> list[str]:
    """Return the aspects that a clause names."""
    return [name for name, term in TERMS[language].items() if term.search(clause)]


def topic(text: str, language: str) -> str:
    """Return what most of a text's terms are about; "other" without any.

    Of as many, what is rarer wins: safety before returns before quality.
    """
    counts = {name: len(term.findall(text)) for name, term in TOPICS[language].items()}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else "other"


def spoken(pairs: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Average each aspect's tones over the clauses that name it."""
    told: dict[str, list[float]] = {}
    for name, tone in pairs:
        told.setdefault(name, []).append(tone)
    return {name: round(sum(some) / len(some), 3) for name, some in told.items()}
