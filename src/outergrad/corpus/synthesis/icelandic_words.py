"""Icelandic word tables with the inflected forms that the templates of `icelandic` ask for."""

from outergrad.corpus.synthesis.grammar import entries, table

# Nominative, accusative, dative, genitive.
NAMES = table(
    """
    jón, jón, jóni, jóns
    guðrún, guðrúnu, guðrúnu, guðrúnar
    anna, önnu, önnu, önnu
    sigurður, sigurð, sigurði, sigurðar
    kristín, kristínu, kristínu, kristínar
    guðmundur, guðmund, guðmundi, guðmundar
    margrét, margréti, margréti, margrétar
    gunnar, gunnar, gunnari, gunnars
    sigríður, sigríði, sigríði, sigríðar
    ólafur, ólaf, ólafi, ólafs
    helga, helgu, helgu, helgu
    einar, einar, einari, einars
    sara, söru, söru, söru
    magnús, magnús, magnúsi, magnúsar
    ingibjörg, ingibjörgu, ingibjörgu, ingibjargar
    kristján, kristján, kristjáni, kristjáns
    hildur, hildi, hildi, hildar
    stefán, stefán, stefáni, stefáns
    eva, evu, evu, evu
    bjarni, bjarna, bjarna, bjarna
    katrín, katrínu, katrínu, katrínar
    árni, árna, árna, árna
    maría, maríu, maríu, maríu
    jóhann, jóhann, jóhanni, jóhanns
    elín, elínu, elínu, elínar
    björn, björn, birni, björns
    ásta, ástu, ástu, ástu
    páll, pál, páli, páls
    birna, birnu, birnu, birnu
    helgi, helga, helga, helga
    hanna, hönnu, hönnu, hönnu
    arnar, arnar, arnari, arnars
    lilja, lilju, lilju, lilju
    andri, andra, andra, andra
    erla, erlu, erlu, erlu
    ragnar, ragnar, ragnari, ragnars
    þóra, þóru, þóru, þóru
    pétur, pétur, pétri, péturs
    edda, eddu, eddu, eddu
    haukur, hauk, hauki, hauks
    rakel, rakel, rakel, rakelar
    birgir, birgi, birgi, birgis
    unnur, unni, unni, unnar
    tómas, tómas, tómasi, tómasar
    íris, írisi, írisi, írisar
    egill, egil, agli, egils
    sólveig, sólveigu, sólveigu, sólveigar
    viktor, viktor, viktori, viktors
    freyja, freyju, freyju, freyju
    hrafn, hrafn, hrafni, hrafns
    halla, höllu, höllu, höllu
    kári, kára, kára, kára
    vigdís, vigdísi, vigdísi, vigdísar
    ívar, ívar, ívari, ívars
    salka, sölku, sölku, sölku
    bryndís, bryndísi, bryndísi, bryndísar
    """,
    "name_nom",
    "name_acc",
    "name_dat",
    "name_gen",
)

# Nominative, accusative, preposition of place with its case, dative, genitive.
PLACES = table(
    """
    reykjavík, reykjavík, í reykjavík, reykjavík, reykjavíkur
    akureyri, akureyri, á akureyri, akureyri, akureyrar
    kópavogur, kópavog, í kópavogi, kópavogi, kópavogs
    hafnarfjörður, hafnarfjörð, í hafnarfirði, hafnarfirði, hafnarfjarðar
    selfoss, selfoss, á selfossi, selfossi, selfoss
    keflavík, keflavík, í keflavík, keflavík, keflavíkur
    ísafjörður, ísafjörð, á ísafirði, ísafirði, ísafjarðar
    egilsstaðir, egilsstaði, á egilsstöðum, egilsstöðum, egilsstaða
    vestmannaeyjar, vestmannaeyjar, í vestmannaeyjum, vestmannaeyjum, vestmannaeyja
    húsavík, húsavík, á húsavík, húsavík, húsavíkur
    borgarnes, borgarnes, í borgarnesi, borgarnesi, borgarness
    akranes, akranes, á akranesi, akranesi, akraness
    garðabær, garðabæ, í garðabæ, garðabæ, garðabæjar
    mosfellsbær, mosfellsbæ, í mosfellsbæ, mosfellsbæ, mosfellsbæjar
    höfn, höfn, á höfn, höfn, hafnar
    vík, vík, í vík, vík, víkur
    hveragerði, hveragerði, í hveragerði, hveragerði, hveragerðis
    grindavík, grindavík, í grindavík, grindavík, grindavíkur
    sauðárkrókur, sauðárkrók, á sauðárkróki, sauðárkróki, sauðárkróks
    siglufjörður, siglufjörð, á siglufirði, siglufirði, siglufjarðar
    þingvellir, þingvelli, á þingvöllum, þingvöllum, þingvalla
    stykkishólmur, stykkishólm, í stykkishólmi, stykkishólmi, stykkishólms
    blönduós, blönduós, á blönduósi, blönduósi, blönduóss
    dalvík, dalvík, á dalvík, dalvík, dalvíkur
    seyðisfjörður, seyðisfjörð, á seyðisfirði, seyðisfirði, seyðisfjarðar
    neskaupstaður, neskaupstað, í neskaupstað, neskaupstað, neskaupstaðar
    mývatn, mývatn, við mývatn, mývatni, mývatns
    þorlákshöfn, þorlákshöfn, í þorlákshöfn, þorlákshöfn, þorlákshafnar
    ólafsvík, ólafsvík, í ólafsvík, ólafsvík, ólafsvíkur
    hólmavík, hólmavík, á hólmavík, hólmavík, hólmavíkur
    bolungarvík, bolungarvík, í bolungarvík, bolungarvík, bolungarvíkur
    djúpivogur, djúpavog, á djúpavogi, djúpavogi, djúpavogs
    hella, hellu, á hellu, hellu, hellu
    hvolsvöllur, hvolsvöll, á hvolsvelli, hvolsvelli, hvolsvallar
    patreksfjörður, patreksfjörð, á patreksfirði, patreksfirði, patreksfjarðar
    seltjarnarnes, seltjarnarnes, á seltjarnarnesi, seltjarnarnesi, seltjarnarness
    grundarfjörður, grundarfjörð, í grundarfirði, grundarfirði, grundarfjarðar
    reyðarfjörður, reyðarfjörð, á reyðarfirði, reyðarfirði, reyðarfjarðar
    flúðir, flúðir, á flúðum, flúðum, flúða
    hvammstangi, hvammstanga, á hvammstanga, hvammstanga, hvammstanga
    """,
    "place_nom",
    "place_acc",
    "place_in",
    "place_dat",
    "place_gen",
)

# Nominative, preposition of place with its case, genitive.
ABROAD = table(
    """
    kaupmannahöfn, í kaupmannahöfn, kaupmannahafnar
    london, í london, london
    noregur, í noregi, noregs
    danmörk, í danmörku, danmerkur
    svíþjóð, í svíþjóð, svíþjóðar
    parís, í parís, parísar
    berlín, í berlín, berlínar
    spánn, á spáni, spánar
    osló, í osló, oslóar
    stokkhólmur, í stokkhólmi, stokkhólms
    bandaríkin, í bandaríkjunum, bandaríkjanna
    þýskaland, í þýskalandi, þýskalands
    england, á englandi, englands
    færeyjar, í færeyjum, færeyja
    grænland, á grænlandi, grænlands
    frakkland, í frakklandi, frakklands
    róm, í róm, rómar
    tókýó, í tókýó, tókýó
    helsinki, í helsinki, helsinki
    ítalía, á ítalíu, ítalíu
    finnland, í finnlandi, finnlands
    pólland, í póllandi, póllands
    kanada, í kanada, kanada
    japan, í japan, japans
    grikkland, í grikklandi, grikklands
    portúgal, í portúgal, portúgals
    kína, í kína, kína
    skotland, í skotlandi, skotlands
    """,
    "abroad_nom",
    "abroad_in",
    "abroad_gen",
)

# Nearest one, nominative definite, place with dative definite.
FACILITIES = table(
    """
    næsta bensínstöð, bensínstöðin, á bensínstöðinni
    næsta sundlaug, sundlaugin, í sundlauginni
    næsta apótek, apótekið, í apótekinu
    næsta bakarí, bakaríið, í bakaríinu
    næsti banki, bankinn, í bankanum
    næsta búð, búðin, í búðinni
    næsta kaffihús, kaffihúsið, á kaffihúsinu
    næsta pósthús, pósthúsið, á pósthúsinu
    næsti veitingastaður, veitingastaðurinn, á veitingastaðnum
    næsta bókasafn, bókasafnið, á bókasafninu
    næsta ísbúð, ísbúðin, í ísbúðinni
    næsti spítali, spítalinn, á spítalanum
    næsta hótel, hótelið, á hótelinu
    næsta bókabúð, bókabúðin, í bókabúðinni
    næsta vínbúð, vínbúðin, í vínbúðinni
    næsta blómabúð, blómabúðin, í blómabúðinni
    næsti flugvöllur, flugvöllurinn, á flugvellinum
    næsta heilsugæsla, heilsugæslan, á heilsugæslunni
    næsta sjoppa, sjoppan, í sjoppunni
    næsti pítsustaður, pítsustaðurinn, á pítsustaðnum
    næsta kirkja, kirkjan, í kirkjunni
    næsta lögreglustöð, lögreglustöðin, á lögreglustöðinni
    næsti golfvöllur, golfvöllurinn, á golfvellinum
    næsta tjaldsvæði, tjaldsvæðið, á tjaldsvæðinu
    næsta dýrabúð, dýrabúðin, í dýrabúðinni
    næsta bílaverkstæði, bílaverkstæðið, á bílaverkstæðinu
    næsta rakarastofa, rakarastofan, á rakarastofunni
    """,
    "nearest",
    "facility_nom",
    "facility_in",
)

# Nominative, place with dative.
LANDMARKS = table(
    """
    bónus, í bónus
    kringlan, í kringlunni
    smáralind, í smáralind
    bláa lónið, í bláa lóninu
    harpa, í hörpu
    laugardalslaug, í laugardalslaug
    hallgrímskirkja, í hallgrímskirkju
    perlan, í perlunni
    krónan, í krónunni
    þjóðminjasafnið, á þjóðminjasafninu
    húsdýragarðurinn, í húsdýragarðinum
    sundhöllin, í sundhöllinni
    þjóðleikhúsið, í þjóðleikhúsinu
    vesturbæjarlaug, í vesturbæjarlaug
    listasafnið, á listasafninu
    borgarleikhúsið, í borgarleikhúsinu
    húsasmiðjan, í húsasmiðjunni
    landsbankinn, í landsbankanum
    læknavaktin, á læknavaktinni
    árbæjarsafn, á árbæjarsafni
    sorpa, í sorpu
    ráðhúsið, í ráðhúsinu
    háskólinn, í háskólanum
    kolaportið, í kolaportinu
    """,
    "landmark_nom",
    "landmark_in",
)

# Nominative, dative, genitive.
TEAMS = table(
    """
    valur, val, vals
    breiðablik, breiðabliki, breiðabliks
    ísland, íslandi, íslands
    stjarnan, stjörnunni, stjörnunnar
    fram, fram, fram
    víkingur, víkingi, víkings
    haukar, haukum, hauka
    fylkir, fylki, fylkis
    keflavík, keflavík, keflavíkur
    landsliðið, landsliðinu, landsliðsins
    tindastóll, tindastóli, tindastóls
    afturelding, aftureldingu, aftureldingar
    njarðvík, njarðvík, njarðvíkur
    grótta, gróttu, gróttu
    þróttur, þrótti, þróttar
    leiknir, leikni, leiknis
    fjölnir, fjölni, fjölnis
    danmörk, danmörku, danmerkur
    ungverjaland, ungverjalandi, ungverjalands
    króatía, króatíu, króatíu
    vestri, vestra, vestra
    """,
    "team_nom",
    "team_dat",
    "team_gen",
)

# Accusative, dative.
MUSICIANS = table(
    """
    björk, björk
    bubba, bubba
    sigur rós, sigur rós
    stuðmenn, stuðmönnum
    ásgeir trausta, ásgeiri trausta
    pál óskar, páli óskari
    sálina, sálinni
    hjálma, hjálmum
    baggalút, baggalúti
    sykurmolana, sykurmolunum
    megas, megasi
    emilíönu torrini, emilíönu torrini
    hljóma, hljómum
    ladda, ladda
    friðrik dór, friðriki dór
    greifana, greifunum
    grýlurnar, grýlunum
    skálmöld, skálmöld
    trúbrot, trúbroti
    írafár, írafári
    bítlana, bítlunum
    mozart, mozart
    bach, bach
    """,
    "musician_acc",
    "musician_dat",
)

# Accusative, dative.
DISHES = table(
    """
    pönnukökur, pönnukökum
    kjötsúpu, kjötsúpu
    pítsu, pítsu
    plokkfisk, plokkfiski
    vöfflur, vöfflum
    súkkulaðiköku, súkkulaðiköku
    kleinur, kleinum
    lambalæri, lambalæri
    fiskisúpu, fiskisúpu
    kjötbollur, kjötbollum
    grjónagraut, grjónagraut
    snúða, snúðum
    rúgbrauð, rúgbrauði
    hafragraut, hafragraut
    hangikjöt, hangikjöti
    humarsúpu, humarsúpu
    eplaköku, eplaköku
    fiskibollur, fiskibollum
    hamborgara, hamborgurum
    laufabrauð, laufabrauði
    saltfisk, saltfiski
    kartöflumús, kartöflumús
    hjónabandssælu, hjónabandssælu
    brauðtertu, brauðtertu
    gulrótarköku, gulrótarköku
    piparkökur, piparkökum
    flatkökur, flatkökum
    sveppasúpu, sveppasúpu
    bananabrauð, bananabrauði
    skonsur, skonsum
    graflax, graflaxi
    """,
    "dish_acc",
    "dish_dat",
)

# Nominative, dative.
GROCERIES = table(
    """
    mjólk, mjólk
    brauð, brauði
    kaffi, kaffi
    smjör, smjöri
    ostur, osti
    skyr, skyri
    egg, eggjum
    sykur, sykri
    bananar, banönum
    hveiti, hveiti
    epli, eplum
    tómatar, tómötum
    laukur, lauk
    kartöflur, kartöflum
    kjúklingur, kjúklingi
    hrísgrjón, hrísgrjónum
    fiskur, fiski
    rjómi, rjóma
    appelsínur, appelsínum
    gúrka, gúrku
    hvítlaukur, hvítlauk
    salt, salti
    pipar, pipar
    gulrætur, gulrótum
    vínber, vínberjum
    jarðarber, jarðarberjum
    tannkrem, tannkremi
    sápa, sápu
    paprika, papriku
    bleyjur, bleyjum
    tómatsósa, tómatsósu
    sinnep, sinnepi
    kerti, kertum
    """,
    "grocery_nom",
    "grocery_dat",
)

# Nominative singular, dative plural.
ANIMALS = table(
    """
    hundur, hundum
    köttur, köttum
    hestur, hestum
    lundi, lundum
    kind, kindum
    hvalur, hvölum
    kýr, kúm
    refur, refum
    fíll, fílum
    selur, selum
    ljón, ljónum
    kanína, kanínum
    ísbjörn, ísbjörnum
    hreindýr, hreindýrum
    mús, músum
    örn, örnum
    hákarl, hákörlum
    skjaldbaka, skjaldbökum
    ugla, uglum
    páfagaukur, páfagaukum
    krókódíll, krókódílum
    gíraffi, gíröffum
    mörgæs, mörgæsum
    froskur, froskum
    könguló, köngulóm
    geit, geitum
    svanur, svönum
    api, öpum
    slanga, slöngum
    """,
    "animal_nom",
    "animal_dat",
)

# Nominative, accusative definite, dative plural.
WEEKDAYS = table(
    """
    föstudagur, föstudaginn, föstudögum
    laugardagur, laugardaginn, laugardögum
    mánudagur, mánudaginn, mánudögum
    sunnudagur, sunnudaginn, sunnudögum
    fimmtudagur, fimmtudaginn, fimmtudögum
    miðvikudagur, miðvikudaginn, miðvikudögum
    þriðjudagur, þriðjudaginn, þriðjudögum
    """,
    "weekday_nom",
    "weekday_acc",
    "weekday_dat",
)

# Nominative with its measure, for "how tall/long/deep is".
MEASURED = entries(
    """
    esjan há, hekla há, snæfellsjökull hár, vatnajökull stór, hvannadalshnjúkur hár, katla gömul,
    gullfoss hár, þjórsá löng, þingvallavatn djúpt, dettifoss hár, skógafoss hár, herðubreið há,
    öskjuvatn djúpt, hvítá löng, grímsey stór, kirkjufell hátt, ísland stórt, tunglið langt í burtu,
    sólin gömul, jörðin þung
    """
)

FAMOUS = entries(
    """
    jón sigurðsson, halldór laxness, vigdís finnbogadóttir, leifur heppni, ingólfur arnarson,
    snorri sturluson, jónas hallgrímsson, hannes hafstein, einar benediktsson, egill skallagrímsson,
    bríet bjarnhéðinsdóttir, grettir ásmundarson, matthías jochumsson, kristján eldjárn,
    steinn steinarr, tómas guðmundsson, einstein, mozart, napóleon, kleópatra, skúli magnússon,
    auður djúpúðga, hallgrímur pétursson, nína tryggvadóttir
    """
)

# Words that people ask to have translated.
NOUNS = entries(
    """
    takk, hús, bíll, ást, fjall, bók, sumar, vetur, snjór, vinur, hjarta, himinn, skip, borð, stóll,
    vatn, eldur, tungl, stjarna, blóm, tré, gras, steinn, vegur, brú, fótur, hönd, höfuð, auga, nef,
    eyra, munnur, hár, barn, kona, maður, strákur, stelpa, kennari, læknir, bóndi, sjómaður,
    prestur, hjúkrunarfræðingur, smiður, tölva, sími, klukka, lykill, hurð, gluggi, peysa, húfa,
    vettlingur, skór, kjóll, regnbogi, þoka, eldfjall, jökull, foss, hraun, eyja, strönd, fjörður,
    heiði, saga, draumur, friður, gleði, sorg, tími, afmæli, þjóð, land, tunga, kvöldmatur,
    morgunmatur, skáld
    """
)
