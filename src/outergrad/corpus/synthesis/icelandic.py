"""Icelandic voice queries: topics, templates and slots."""

from outergrad.corpus.synthesis import icelandic_words as words
from outergrad.corpus.synthesis.grammar import Grammar, entries

_TEMPLATES: dict[str, tuple[str, ...]] = {
    "weather": entries(
        """
        hvernig er veðrið {where} {when_now?},
        hvernig verður veðrið {where} {when},
        hvernig verður veðrið {when},
        veðurspá fyrir {region} {when?},
        verður {weather} {where} {when},
        er {weather} {where} {when_now?},
        á að {rain} {where?} {when},
        hvað er {warm} {where} {when_now?},
        hvenær sest sólin {where} {when_now?},
        hvenær kemur sólin upp {where} {when?},
        þarf ég {gear} {when},
        hvernig er færðin á {heath},
        er {closed} á {heath} {when_now?},
        sjást norðurljósin {where} {when},
        hversu hvasst er {where} {when_now?},
        {place_nom} veður {when?}
        """
    ),
    "navigation": entries(
        """
        hvernig kemst ég til {place_gen},
        hvað er langt til {place_gen},
        hvar er {nearest},
        vísaðu mér leiðina til {place_gen},
        {nearest} við {place_acc},
        hvað er langt frá {place_dat} til {place_gen},
        hvað tekur langan tíma að {travel} til {place_gen},
        hvenær fer næsti strætó til {place_gen},
        er mikil umferð {street} {when_now?},
        flug til {abroad_gen} {when},
        hvað kostar flug til {abroad_gen},
        sýndu mér kort af {place_dat},
        hvenær lendir vélin frá {place_dat},
        hvar get ég lagt bílnum {street},
        stysta leiðin {street_from} {landmark_in},
        keyrðu mig heim,
        hótel {where} {when?},
        góður veitingastaður {where}
        """
    ),
    "alarms": entries(
        """
        vektu mig klukkan {hour} {day?},
        stilltu tímamæli á {duration},
        minntu mig á að {task} {when},
        stilltu vekjaraklukkuna á {hour},
        minntu mig á að {task} eftir {duration},
        minntu mig á {event_acc} {when},
        slökktu á vekjaraklukkunni,
        hvað er klukkan {abroad_in?},
        hvað er á dagskrá hjá mér {when},
        settu {event_acc} í dagatalið {when},
        bættu {grocery_dat} á innkaupalistann,
        bættu {grocery_dat} og {grocery_dat} á innkaupalistann,
        hvað eru margir dagar til {holiday_gen},
        hvenær {holiday_is} {year?},
        hvaða dagur er {day_question},
        er {weekday_nom} í dag,
        færðu {event_acc} yfir á {weekday_acc}
        """
    ),
    "music": entries(
        """
        spilaðu {musician_acc},
        spilaðu {song} með {musician_dat},
        spilaðu {genre},
        spilaðu {genre} {room},
        næsta lag,
        {louder} í {device},
        hvaða lag er þetta,
        kveiktu á {station},
        stoppaðu tónlistina {duration_in?},
        hvenær gaf {singer} út {song},
        textinn við {song} með {musician_dat},
        eru tónleikar með {musician_dat} {when}
        """
    ),
    "sports": entries(
        """
        hvernig fór leikurinn hjá {team_dat} {past?},
        hvenær spilar {team_nom} næst,
        hver er staðan í {league},
        úrslit í leik {team_gen} og {team_gen},
        hver vann {league_acc} {past?},
        hver skoraði fyrir {team_acc} {past?},
        hvernig stendur {team_nom} í {league},
        leikir í {sport} {when},
        hver þjálfar {team_acc},
        miðar á leik {team_gen} {when}
        """
    ),
    "recipes": entries(
        """
        uppskrift að {dish_dat},
        hvernig bý ég til {dish_acc},
        {diet} uppskrift að {dish_dat},
        hvað eru margar kaloríur í {dish_dat},
        hvað á ég að baka {dish_acc} lengi,
        hvað kostar {grocery_nom} {shop_in},
        hvað get ég eldað úr {grocery_dat},
        hvað passar vel með {dish_dat},
        einföld uppskrift með {grocery_dat} og {grocery_dat},
        hvað þarf mikið af {grocery_dat} í {dish_acc}
        """
    ),
    "opening": entries(
        """
        hvenær opnar {facility_nom} {day?},
        hvenær lokar {facility_nom} {day?},
        hvenær opnar {landmark_nom} {day?},
        hvenær lokar {landmark_nom} {day?},
        er opið {landmark_in} {day},
        er opið {facility_in} {day},
        hvað er opið lengi {facility_in} {day?},
        opnunartími {landmark_in} {day?},
        er mikið að gera {landmark_in},
        hvað er símanúmerið {landmark_in},
        hvað kostar miði {landmark_in}
        """
    ),
    "calls": entries(
        """
        hringdu í {person_acc},
        sendu {person_dat} skilaboð,
        hringdu í {person_acc} {time_of_call},
        hvað er símanúmerið hjá {person_dat},
        lestu skilaboðin frá {person_dat},
        hvenær á {name_nom} afmæli,
        sendu skilaboð til {name_gen} um {event_acc},
        segðu {person_dat} að {message},
        hvar á {name_nom} heima,
        svaraðu {person_dat},
        hringdu aftur í {person_acc}
        """
    ),
    "search": entries(
        """
        myndir af {animal_dat},
        leitaðu að {goods},
        nýjustu fréttir af {news},
        hvað þýðir {noun} á {language},
        hvernig segir maður {noun} á {language},
        hvað er {number} {operation} {number},
        hvað kostar {currency} {past?},
        hvað lifir {animal_nom} lengi,
        hvaða hljóð gerir {animal_nom},
        {goods} {where},
        hvað er í {screen} {when},
        hvernig stafar maður {noun},
        hvað borðar {animal_nom},
        segðu mér {story},
        hvað er {number} {unit} {into}
        """
    ),
    "people": entries(
        """
        hver er {office},
        hvað er {measured},
        hvenær fæddist {famous},
        hver var {famous},
        hver skrifaði {book},
        hvað búa margir {where},
        hver er höfuðborg {abroad_gen},
        hvað er {singer} gamall,
        hvar fæddist {famous},
        hvað heitir {relation} {name_gen},
        hvenær dó {famous},
        hvaða mál er talað {abroad_in},
        hvað er frægast {abroad_in},
        {abroad_nom} {fact}
        """
    ),
    "home": entries(
        """
        kveiktu ljósin {room},
        slökktu ljósin {room},
        hækkaðu hitann {room},
        lækkaðu hitann {room} {when?},
        kveiktu á {device},
        slökktu á {device} {duration_in?},
        hvað er heitt {room},
        læstu {door},
        opnaðu {door_acc},
        ryksugaðu {floor} {when?}
        """
    ),
}

_SLOTS: dict[str, tuple[str, ...]] = {
    **words.NAMES,
    **words.PLACES,
    **words.ABROAD,
    **words.FACILITIES,
    **words.LANDMARKS,
    **words.TEAMS,
    **words.MUSICIANS,
    **words.DISHES,
    **words.GROCERIES,
    **words.ANIMALS,
    **words.WEEKDAYS,
    "measured": words.MEASURED,
    "famous": words.FAMOUS,
    "noun": words.NOUNS,
    "where": entries("{place_in}, {place_in}, {place_in}, {abroad_in}"),
    "when_now": entries("núna, í dag, í augnablikinu, akkúrat núna"),
    "when": entries(
        """
        í dag, á morgun, í kvöld, um helgina, á {weekday_acc}, í næstu viku, í fyrramálið, í nótt,
        eftir hádegi, annað kvöld, næstu daga, á {weekday_acc} kemur, fyrir hádegi, í vikunni,
        síðdegis, um jólin, í sumar, um páskana, um áramótin, í vetur, í haust
        """
    ),
    "day": entries(
        "í dag, á morgun, á {weekday_acc}, um helgina, á {weekday_dat}, um jólin, í fyrramálið"
    ),
    "day_question": entries("í dag, á morgun, á jóladag, á gamlárskvöld, fyrsti maí"),
    "past": entries("í gær, í gærkvöldi, um helgina, á {weekday_acc}, í fyrra, í síðustu viku"),
    "year": entries("í ár, á næsta ári"),
    "region": entries(
        """
        {place_acc}, {place_acc}, höfuðborgarsvæðið, norðurland, suðurland, austurland, vestfirði,
        vesturland, suðurnes, hálendið, breiðafjörð, eyjafjörð
        """
    ),
    "weather": entries(
        """
        rigning, snjókoma, sól, frost, rok, þoka, hálka, stormur, slydda, skýjað, kalt, hlýtt,
        hvasst, heiðskírt, logn, þrumuveður, úrkoma, bjart
        """
    ),
    "rain": entries("rigna, snjóa, hlýna, kólna, hvessa, lægja, frysta, stytta upp, hlána"),
    "warm": entries("heitt, kalt, margra stiga hiti, mikið frost, mikill vindur, hlýtt"),
    "gear": entries("regnhlíf, úlpu, vettlinga, stígvél, sólgleraugu, húfu og trefil, sólarvörn"),
    "closed": entries("ófært, hált, lokað, vont veður, blint"),
    "heath": entries(
        """
        hellisheiði, holtavörðuheiði, öxnadalsheiði, fjarðarheiði, reykjanesbraut, kjalarnesi,
        steingrímsfjarðarheiði, víkurskarði, fróðárheiði, möðrudalsöræfum, mýrdalssandi
        """
    ),
    "travel": entries("keyra, ganga, hjóla, fljúga, sigla, fara með strætó"),
    "street": entries(
        """
        á laugavegi, á miklubraut, á hringbraut, á sæbraut, í austurstræti, á skólavörðustíg,
        á hverfisgötu, í skeifunni, í borgartúni, á suðurlandsbraut, á bústaðavegi, í ármúla,
        á snorrabraut, á grensásvegi, í bankastræti, á vesturlandsvegi, á hafnarfjarðarvegi
        """
    ),
    "street_from": entries(
        "frá hlemmi, frá lækjartorgi, úr vesturbænum, úr breiðholti, úr grafarvogi, frá mjóddinni"
    ),
    "hour": entries(
        """
        sjö, átta, sex, hálf sjö, hálf átta, níu, tíu, korter í átta, korter yfir sjö, fimm, tólf,
        eitt, tvö, hálf níu, þrjú, fjögur, ellefu, hálf sex, korter í fimm, hálf eitt, hálf tvö,
        hálf fjögur, korter yfir tvö
        """
    ),
    "duration": entries(
        """
        tíu mínútur, fimm mínútur, hálftíma, klukkutíma, tuttugu mínútur, korter, þrjár mínútur,
        eina mínútu, tvær mínútur, fimmtán mínútur, tvo tíma, sjö mínútur, fjörutíu mínútur,
        þrjátíu sekúndur, þrjá tíma, tólf mínútur, fimmtíu mínútur, fjórar mínútur, sólarhring,
        tuttugu og fimm mínútur, fjóra daga, tvær vikur
        """
    ),
    "duration_in": entries("eftir {duration}, strax"),
    "task": entries(
        """
        kaupa {grocery_acc}, hringja í {person_acc}, sækja börnin, fara út með ruslið,
        vökva blómin, borga reikningana, taka lyfin, fara út með hundinn, þvo bílinn,
        skila bókunum, panta tíma hjá lækni, gefa kettinum, taka úr vélinni, baka {dish_acc},
        senda póstinn, hlaða símann, skafa bílinn, læra heima, slökkva á ofninum,
        mæta í ræktina, kaupa afmælisgjöf, strauja skyrtuna, teygja á, drekka vatn
        """
    ),
    "grocery_acc": entries("mjólk, brauð, smjör, kaffi, ost, fisk, egg, kjúkling, sykur, rjóma"),
    "event_acc": entries(
        """
        fundinn, tannlæknatímann, afmælið, kóræfinguna, foreldraviðtalið, matarboðið, æfinguna,
        prófið, klippinguna, viðtalið, leikhúsferðina, fermingarveisluna, húsfundinn, sundtímann,
        brúðkaupið, flugið, skoðunina
        """
    ),
    "holiday_gen": entries(
        """
        jóla, páska, áramóta, öskudags, þorláksmessu, sumardagsins fyrsta, menningarnætur,
        verslunarmannahelgar, sjómannadagsins, bolludags, hvítasunnu, mánaðamóta
        """
    ),
    "holiday_is": entries(
        """
        eru jólin, eru páskar, er öskudagur, er bolludagur, er sprengidagur, er konudagur,
        er bóndadagur, er mæðradagurinn, er sjómannadagurinn, er menningarnótt, er hvítasunna,
        er verslunarmannahelgin, er þjóðhátíð, er fyrsti vetrardagur, er sumardagurinn fyrsti
        """
    ),
    "song": entries(
        """
        nýjasta lagið, nýju plötuna, gömul lög, vinsælasta lagið, fyrstu plötuna, róleg lög,
        bestu lögin, jólalögin, tónleikaupptöku
        """
    ),
    "genre": entries(
        """
        rólega tónlist, rokk, djass, klassíska tónlist, jólalög, barnalög, popp, danstónlist,
        blús, rapp, þjóðlög, sveitatónlist, dægurlög, þungarokk, diskó, kvikmyndatónlist,
        hugleiðslutónlist, píanótónlist, vögguvísur, kórsöng, sálma, hljóðbók
        """
    ),
    "louder": entries("hækkaðu, lækkaðu"),
    "device": entries(
        """
        sjónvarpinu, útvarpinu, kaffivélinni, ofninum, ryksugunni, þvottavélinni, viftunni,
        jólaseríunni, tölvunni, uppþvottavélinni, lampanum, hátalaranum
        """
    ),
    "station": entries("útvarpinu, rás tvö, rás eitt, bylgjunni, gufunni, hlaðvarpinu, fréttunum"),
    "singer": entries("bubbi, megas, laddi, páll óskar, friðrik dór, ásgeir trausti, mugison"),
    "league": entries(
        """
        úrvalsdeildinni, enska boltanum, meistaradeildinni, handboltanum, körfuboltanum,
        bikarkeppninni, formúlunni, spænsku deildinni, þýsku deildinni, leiknum
        """
    ),
    "league_acc": entries(
        """
        leikinn, bikarinn, heimsmeistaramótið, úrslitaleikinn, íslandsmótið, evrópumótið,
        kappaksturinn, skákmótið, maraþonið, söngvakeppnina, kosningarnar, gettu betur
        """
    ),
    "team_acc": entries(
        "ísland, val, stjörnuna, breiðablik, hauka, víking, landsliðið, fylki, keflavík, tindastól"
    ),
    "sport": entries(
        "fótbolta, handbolta, körfubolta, golfi, íshokkí, blaki, tennis, skák, sundi, borðtennis"
    ),
    "shop_in": entries("í bónus, í krónunni, {facility_in}, í kolaportinu, {place_in}, á netinu"),
    "diet": entries("holl, auðveld, fljótleg, glútenlaus, einföld, gömul, ódýr, góð"),
    "person_acc": entries(
        """
        {name_acc}, mömmu, {name_acc}, pabba, {name_acc} {surname}, ömmu, afa, systur mína,
        bróður minn, konuna mína, manninn minn, tannlækninn, leikskólann, skólann, vin minn,
        vinkonu mína, yfirmanninn, frænku, lækninn, leigubíl, neyðarlínuna, píparann
        """
    ),
    "person_dat": entries(
        """
        {name_dat}, mömmu, {name_dat}, pabba, {name_dat}, ömmu, afa, systur minni, bróður mínum,
        konunni minni, manninum mínum, yfirmanninum, vini mínum, kennaranum, frænda, lækninum
        """
    ),
    "surname": entries(
        """
        jónsdóttur, guðmundsson, sigurðsson, magnúsdóttur, einarsdóttur, gunnarsson, ólafsson,
        kristjánsdóttur, stefánsdóttur, björnsson, helgadóttur, árnason, pálsdóttur, þórsson
        """
    ),
    "time_of_call": entries("í vinnuna, heima, í farsímann, eftir {duration}, klukkan {hour}"),
    "message": entries(
        """
        ég sé að koma, ég sé of sein, maturinn sé tilbúinn, ég elski hana, fundurinn falli niður,
        ég sé á leiðinni, við komum á morgun, ég hringi seinna, allt sé í lagi, hann eigi að bíða
        """
    ),
    "goods": entries(
        """
        notuðum bílum, íbúðum til leigu, ódýru flugi, sumarbústöðum, jólagjöfum, vinnu, hjólum,
        gönguskóm, fartölvum, notuðum bókum, svefnsófa, barnavögnum, vetrardekkjum, gönguleiðum,
        matreiðslunámskeiði, garðhúsgögnum, lopapeysum, hljóðfærum, tjaldvögnum, prjónauppskriftum,
        afmæliskökum, skíðabúnaði
        """
    ),
    "news": entries(
        """
        veðrinu, eldgosinu, alþingi, kosningunum, verkfallinu, fótboltanum, jarðskjálftum,
        ríkisstjórninni, húsnæðismarkaðnum, vöxtunum, loðnunni, loftslagsmálum, fluginu, ferðafólki,
        borgarstjórn, skólamálum, vegagerðinni
        """
    ),
    "language": entries(
        """
        ensku, dönsku, þýsku, spænsku, frönsku, pólsku, norsku, sænsku, ítölsku, japönsku,
        rússnesku, kínversku, latínu, færeysku, finnsku, grænlensku, portúgölsku
        """
    ),
    "number": entries(
        """
        {digit}, {digit}, {ten}, {ten} og {digit}, hundrað, {teen}, {hundreds} hundruð, þúsund
        """
    ),
    "digit": entries("tvö, fimm, þrjú, tíu, sex, átta, sjö, fjögur, níu, eitt"),
    "teen": entries("tólf, fimmtán, ellefu, fjórtán, sextán, þrettán, átján, sautján, nítján"),
    "ten": entries("tuttugu, þrjátíu, fjörutíu, fimmtíu, sextíu, áttatíu, sjötíu, níutíu"),
    "hundreds": entries("tvö, þrjú, fimm, fjögur, sex, átta, sjö, níu"),
    "operation": entries("plús, sinnum, mínus, deilt með"),
    "unit": entries("mílur, dollarar, evrur, pund, tommur, fet, kíló, lítrar, bollar"),
    "into": entries("í krónum, í kílómetrum, í grömmum, í sentímetrum, í desilítrum"),
    "currency": entries("evran, dollarinn, pundið, bensínið, danska krónan, rafmagnið, gullið"),
    "screen": entries("sjónvarpinu, bíó, leikhúsinu, útvarpinu, fréttum, matinn"),
    "story": entries(
        """
        brandara, sögu, fréttirnar, draugasögu, gátu, þjóðsögu af {creature}, ævintýri, málshátt,
        eitthvað skemmtilegt
        """
    ),
    "creature": entries("tröllum, álfum, draugum, grýlu, jólasveinunum, huldufólki, nykri"),
    "office": entries(
        """
        forseti {abroad_gen}, forsætisráðherra {abroad_gen}, forseti íslands, kóngurinn {abroad_in},
        borgarstjóri reykjavíkur, bæjarstjóri {place_gen}, biskup íslands, drottningin {abroad_in},
        fjármálaráðherra, utanríkisráðherra {abroad_gen}, frægasti söngvari {abroad_gen}
        """
    ),
    "fact": entries("íbúafjöldi, höfuðborg, gjaldmiðill, fáni, tungumál, ferðaráð"),
    "relation": entries("mamma, pabbi, systir, bróðir, hundur, köttur, dóttir, sonur, amma"),
    "book": entries(
        """
        njálu, sjálfstætt fólk, íslandsklukkuna, laxdælu, heimskringlu, biblíuna, egils sögu,
        sölku völku, gerplu, dýrin í hálsaskógi, kardimommubæinn, þjóðsönginn, hávamál
        """
    ),
    "room": entries(
        """
        í stofunni, í eldhúsinu, í svefnherberginu, í bílskúrnum, á baðinu, á ganginum,
        í barnaherberginu, í kjallaranum, í þvottahúsinu, á skrifstofunni, í garðinum, á pallinum
        """
    ),
    "door": entries("útidyrunum, bílskúrnum, bakdyrunum, bílnum, svaladyrunum, hliðinu"),
    "door_acc": entries("útidyrnar, bílskúrinn, bakdyrnar, bílinn, gluggann, hliðið"),
    "floor": entries("stofuna, eldhúsið, ganginn, svefnherbergið, alla íbúðina, stigann"),
}

ICELANDIC = Grammar(language="is", templates=_TEMPLATES, slots=_SLOTS)
