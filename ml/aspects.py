"""What a text is about: its clauses, their aspects, and its topic, by word lists. Pure.

No labelled set of aspects ships in any package, so the words are our own, in English
and Chinese; a clause's tone is the model's (ml.sentiment). Chinese needs no word
breaks: a term is looked for anywhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

QUALITY, PRICE, DELIVERY = "quality", "price", "delivery"
TASTE_FIT, SERVICE = "taste_fit", "service"
ENGLISH: Mapping[str, str] = {
    QUALITY: "quality|well made|made|build|built|material\\w*|fabric|durab\\w*|sturd\\w*|"
    "flims\\w*|solid|broke\\w*|break\\w*|brok\\w*|crack\\w*|defect\\w*|faulty|work\\w*|"
    "stopp\\w* working|fell apart|fall\\w* apart|last(?:s|ed)?|lasting|wore out|worn|"
    "leak\\w*|scratch\\w*|rust\\w*|sound\\w*|picture|screen|battery|charg\\w+|reliab\\w*|"
    "finish|stitch\\w*|seam\\w*|zip\\w*|handle|lid|motor|perform\\w*|junk|rubbish|"
    "fresh\\w*|stale|rotten|mou?ld\\w*|expired|fell off|peel\\w*|shrank|shrunk|fad(?:e|ed|es)|"
    "pill(?:s|ed|ing)|noise|noisy|loud|quiet|overheat\\w*|camera|signal|reception|design|jamm\\w*|snapp\\w*|"
    "shatter\\w*|smash\\w*|wobbl\\w*|stopped|died|split|shed(?:s|ding)?|hold(?:s|ing)? up|going strong|"
    "smooth|sharp|thick|thin|dust|mould\\w*|ripe|dent\\w*|chipp\\w*|flak\\w*|dropped out|drops|"
    "suction|freez\\w*|crash\\w*|turn(?:s|ed)? on|stain\\w*|rash|clump\\w*|assembl\\w*|put together|creak\\w*|washed|stays put|sticks|tripped|smok(?:e|ing)|burn(?:s|ed|t)|unglued|"
    "fell out|sagg\\w*|to pieces|missing|in the wash|unusable|like new|holes?|instructions|patchy|glides?",
    PRICE: "price\\w*|pric(?:e|ed|ey|y|ing)|cost\\w*|expensive|cheap(?:er|est)?|afford\\w*|"
    "bargain|value|money|overpriced|worth|discount\\w*|deal|dollars?|euros?|pounds?|"
    "coupon\\w*|pay|paid|rip-?off|rip off|budget|[$£€]\\d+|penny|cash|pricey|steal|"
    "robbery|voucher\\w*|dear|fee|sale|wallet|tenner|fiver|quid|charged",
    DELIVERY: "deliver\\w*|ship(?:ped|ping|ment|s)?|arriv\\w*|courier|parcel|package|"
    "packag\\w*|packing|packed|box|tracking|dispatch\\w*|late|postage|post(?:ed|al|man)|"
    "on time|next day|weeks? to come|came (?:early|late|quick\\w*|fast|damaged|broken|in time)|"
    "transit|driver|doorstep|turned up|here by|a day early|weeks? late|waiting|wait|post|crushed|wrapp\\w*|on the dot",
    TASTE_FIT: "tast\\w*|flavou?r\\w*|delicious|yummy|tasty|sweet\\w*|bitter|sour|salty|"
    "bland|smell\\w*|scent\\w*|fragran\\w*|aroma|fit(?:s|ted|ting)?|siz(?:e|es|ed|ing)|"
    "too (?:small|large|big|tight|loose|long|short|wide|narrow)|comfort\\w*|tight|loose|"
    "baggy|snug|colou?r\\w*|waist|sleeve\\w*|shoulders?|toes?|spicy|texture|crunchy|juicy|"
    "runs (?:small|large|big)|soft|itchy|blisters?|stinks?|stank|creamy|chew\\w*|moreish|hips?|"
    "floaty|shapeless|flatter\\w*|shade|sniff\\w*|licked|ate|eats?|eat it|watery|greasy|sticky",
    SERVICE: "service|support|staff|seller|customer (?:care|service)|helpful|rude|polite|"
    "repl(?:y|ied|ies)|respon[ds]\\w*|refund\\w*|return(?:s|ed|ing)?|exchange\\w*|"
    "warranty|complain\\w*|answered|hotline|chat|agent|representative|replacement|hung up|"
    "e-?mails?|call(?:ed|s)? back|apolog\\w*|sorted|on the phone|sent (?:a|me|it|them) (?:new|another)|"
    "money back|ignored|assistant|advice|advised|team|no fuss|quibbles?",
}
CHINESE: Mapping[str, str] = {
    QUALITY: "质量|质感|品质|做工|材质|面料|布料|料子|耐用|结实|牢固|坏了|坏|破|裂|断|"
    "掉色|褪色|起球|缩水|线头|开线|开胶|掉漆|漏水|漏|生锈|瑕疵|次品|正品|假货|假的|山寨|"
    "音质|屏幕|电池|续航|充电|按键|噪音|声音|性能|好用|难用|耐穿|新鲜|变质|发霉|过期|烂|"
    "手感|效果|散热|死机|卡顿|卡|信号|像素|画质|印刷|纸张|异味|毛刺|松动|故障|灵敏|功能|设计|外观|"
    "开胶|散架|不转|不转了|粉尘|结团|刺鼻|掉毛|掉渣|掉屑|毛刺|晃|塌|卡死|翻新|虚标|盗版|发烫|发热|跳闸|"
    "厚实|薄|软糯|柔软|吸水|变形|不粘|涂层|清晰|模糊|流畅|吸力|稳|锋利|钝|静音|保暖|暖和|轻便|起皮|"
    "长痘|爆痘|过敏|保湿|卡粉|晕|饱满|鲜活|有虫|碎|缺页|错别字|安装|螺丝|扎实|不亮|开裂|鼓包|钻毛|制冷|"
    "毛病|有洞|掉了|关不严|划痕|失灵|进水|焦味|夹生|罢工|用不住|耐造|东西(?:真|很|坏|不|好|太|是)|很快就",
    PRICE: "价格|价钱|价位|便宜|贵|性价比|划算|实惠|优惠|打折|折扣|降价|涨价|值得|值|"
    "超值|物美价廉|花钱|块钱|元|钱|坑钱|合算|促销|活动价|"
    "好价|差价|白菜价|血赚|血亏|智商税|一分货|优惠券|满减|抢钱|包邮|省了|多少钱|百元",
    DELIVERY: "物流|快递|发货|送货|配送|到货|收到货|送到|包装|包裹|盒子|箱子|运输|派送|"
    "快递员|签收|延误|破损|压坏|速度快|迟到|次日达|隔天|运费|"
    "驿站|顺丰|圆通|中通|韵达|邮政|冷链|外卖|上门|当天到|就到了|才到|半个月|还没到|没收到|小哥|发错|少发|漏发|压烂|出库",
    TASTE_FIT: "味道|口味|口感|好吃|难吃|好喝|难喝|香味|香|甜|苦|酸|咸|辣|腥|气味|味儿|"
    "尺码|尺寸|大小|合身|合适|合脚|偏大|偏小|太大|太小|太紧|太松|宽松|紧身|舒服|舒适|"
    "颜色|色差|版型|显瘦|显胖|上身|脚感|磨脚|硌|码|款式|"
    "脆|鲜|嫩|腻|齁|嚼|回甘|入味|软|扎|勒|透气|显白|肥|太短|太长|好看|难看|丑|不吃|爱吃|爱喝|闻|臭|怪味|松软|色号|上头|"
    "越洗越|痒|没味|领口|袖子|高度|刺痛|不紧绷|糊眼",
    SERVICE: "客服|服务|态度|卖家|店家|商家|老板|售后|退货|退款|换货|退换|回复|理赔|投诉|"
    "保修|维修|不理|推脱|耐心|热情|解决问题|处理|"
    "师傅|补发|拉黑|补偿|赔|踢皮球|换新|退款|退差价|不管|没人管|不回|没人回|回消息|问什么|店大欺客|安装费|上门安装|补件|电话|"
    "无理由|凭什么|骂人|催|亲看|赔偿|承诺|骚扰",
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
# What is rarer first: `topic` takes the first of equals.
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
    # Of signs alone nothing is left: the text is one clause.
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
