"""English voice queries: topics, templates and slots."""

from outergrad.corpus.synthesis.grammar import Grammar, entries, table

_TEMPLATES: dict[str, tuple[str, ...]] = {
    "weather": entries(
        """
        what's the weather {where} {when?},
        will it {rain} {where?} {when},
        weather forecast for {place} {when?},
        how {warm} is it {where} {when_now?},
        do i need {gear} {when},
        is it {weather} {where} {when_now?},
        when does the sun {rise} {where} {when?},
        what's the {measure} {where},
        any {warning} warnings {where?} {when?}
        """
    ),
    "navigation": entries(
        """
        directions to {place},
        how far is {place} from {place},
        where's the nearest {facility},
        how long does it take to {travel} to {place},
        when is the next {vehicle} to {place},
        flights to {place} {when?},
        take me to {destination},
        how's the traffic on {road} {when_now?},
        {adjective} {facility} near me,
        show me a map of {place},
        {adjective} {facility} {where},
        avoid {obstacle} on the way to {place}
        """
    ),
    "alarms": entries(
        """
        wake me up at {hour} {day?},
        set an alarm for {hour} {day?},
        set a timer for {duration},
        remind me to {task} {when},
        remind me about {event} {when},
        cancel {event} {when},
        add {grocery} to my shopping list,
        add {grocery} and {grocery} to the list,
        how many days until {holiday},
        what's on my calendar {when},
        when is {holiday} this year,
        move {event} to {weekday},
        snooze for {duration}
        """
    ),
    "music": entries(
        """
        play {artist},
        play {song} by {artist},
        play some {genre} music,
        play {genre} music {room},
        turn {updown} the {device},
        skip this song,
        what song is this,
        lyrics for {song} by {artist},
        play {station},
        is {artist} on tour {when?},
        shuffle my {playlist} playlist
        """
    ),
    "sports": entries(
        """
        did the {team} win {past},
        when do the {team} play next,
        what was the score of the {team} game,
        who won the {trophy} {past?},
        {sport} results {past?},
        who is playing {sport} {when},
        tickets for the {team} {when},
        who plays {position} for the {team},
        standings in the {league}
        """
    ),
    "recipes": entries(
        """
        recipe for {dish},
        how do i make {dish},
        {diet} recipe for {dish},
        how many calories are in {dish},
        how long do i {cook} {dish},
        what can i cook with {grocery} and {grocery},
        how much does {grocery} cost,
        what goes well with {dish},
        how many {unit} in a {unit_one}
        """
    ),
    "opening": entries(
        """
        is the {facility} open {day},
        when does the {facility} close {day?},
        what time does the {facility} open {day?},
        {facility} opening hours {day?},
        is the {facility} busy {when_now},
        phone number of the {facility} {where},
        is there parking at the {facility}
        """
    ),
    "calls": entries(
        """
        call {person},
        call {person} at {call_place},
        text {person} {message},
        send {person} a message,
        read the last message from {person},
        when is {name}'s birthday,
        where does {name} live,
        call {person} back {when?},
        tell {person} {message},
        video call with {person} {when}
        """
    ),
    "search": entries(
        """
        pictures of {animal},
        latest news about {news},
        how do you say {noun} in {language},
        what does {noun} mean,
        what is {number} {operation} {number},
        {adjective} {goods} for sale,
        how long do {animal} live,
        what do {animal} eat,
        how do you spell {noun},
        search for {goods} {where?},
        tell me {story},
        {number} {unit} in {unit_two},
        what's on {channel} {when}
        """
    ),
    "people": entries(
        """
        who is the {office} of {country},
        how tall is {tall},
        when was {famous} born,
        who wrote {book},
        what is the capital of {country},
        how many people live {where},
        who was {famous},
        when did {famous} die,
        how old is {artist},
        what language do they speak in {country},
        how big is {country}
        """
    ),
    "home": entries(
        """
        turn {onoff} the lights {room},
        turn {onoff} the {device} {duration_in?},
        set the heating to {number},
        lock the {door},
        is the {door} closed,
        how warm is it {room},
        vacuum the {floor} {when?},
        dim the lights {room}
        """
    ),
}

_SLOTS: dict[str, tuple[str, ...]] = {
    **table(
        """
        feet, mile, kilometers
        ounces, pound, grams
        inches, yard, centimeters
        cups, gallon, liters
        pounds, ton, kilos
        minutes, day, seconds
        dollars, week, euros
        teaspoons, pint, milliliters
        """,
        "unit",
        "unit_one",
        "unit_two",
    ),
    "where": entries("in {place}, in {place}, near {place}, in {country}"),
    "place": entries(
        """
        new york, london, chicago, boston, los angeles, seattle, dallas, paris, denver, miami,
        san francisco, houston, atlanta, philadelphia, toronto, berlin, portland, las vegas,
        phoenix, detroit, austin, dublin, orlando, rome, tokyo, baltimore, cleveland, memphis,
        nashville, oakland, manchester, vancouver, edinburgh, new orleans, pittsburgh, madrid,
        sydney, sacramento, buffalo, kansas city, milwaukee, amsterdam, lisbon, vienna, copenhagen
        """
    ),
    "country": entries(
        """
        france, germany, canada, spain, italy, japan, mexico, china, brazil, norway, sweden,
        ireland, iceland, india, poland, greece, australia, denmark, argentina, portugal, egypt,
        turkey, finland, scotland, switzerland, kenya, peru, chile, hungary, morocco
        """
    ),
    "when": entries(
        """
        today, tomorrow, tonight, this weekend, on {weekday}, next week, tomorrow morning,
        this afternoon, next {weekday}, this evening, on {weekday} night, later, in the morning,
        next month, at noon, over christmas, in {month}
        """
    ),
    "when_now": entries("right now, now, today, at the moment"),
    "day": entries("today, tomorrow, on {weekday}, this weekend, on sundays, on {weekday}"),
    "weekday": entries("friday, saturday, monday, sunday, thursday, wednesday, tuesday"),
    "month": entries("july, december, june, march, october, april, september, february, november"),
    "past": entries("last night, yesterday, on {weekday}, last weekend, last year, last week"),
    "rain": entries("rain, snow, be sunny, freeze, be windy, clear up, get colder, storm, hail"),
    "warm": entries("warm, cold, hot, windy, humid, deep is the snow and how cold"),
    "gear": entries("an umbrella, a coat, boots, sunglasses, a jacket, gloves, sunscreen, a hat"),
    "weather": entries("raining, snowing, foggy, cloudy, sunny, icy, freezing, stormy, hailing"),
    "rise": entries("set, rise, come out"),
    "measure": entries("temperature, humidity, wind speed, pollen count, air quality, pressure"),
    "warning": entries("storm, flood, tornado, frost, hurricane, thunder, avalanche"),
    "travel": entries("drive, walk, fly, get, ride a bike, sail, hitchhike"),
    "vehicle": entries("bus, train, flight, ferry, subway, tram"),
    "road": entries(
        "the highway, main street, the bridge, route sixty six, fifth avenue, the parkway, broadway"
    ),
    "destination": entries(
        "work, home, school, the airport, the {facility}, {name}'s house, the office, the harbor"
    ),
    "obstacle": entries("tolls, highways, ferries, traffic, tunnels, construction"),
    "facility": entries(
        """
        gas station, pharmacy, restaurant, bank, supermarket, coffee shop, library, post office,
        hospital, hotel, bakery, museum, movie theater, swimming pool, pizza place, bookstore,
        airport, dentist, zoo, mall, barber shop, hardware store, playground, pet store, church,
        police station, gym, garage, florist, aquarium, town hall, city park, laundromat
        """
    ),
    "adjective": entries("cheap, good, used, best, quiet, new, popular, small, beautiful, old"),
    "hour": entries(
        """
        seven, six thirty, eight, six, seven thirty, nine, five, ten, eight fifteen, noon,
        quarter to seven, five forty five, half past nine, eleven, twelve, four, three, two
        """
    ),
    "duration": entries(
        """
        ten minutes, five minutes, half an hour, an hour, twenty minutes, three minutes,
        fifteen minutes, two minutes, thirty seconds, forty minutes, two hours, one minute,
        twelve minutes, three hours, ninety seconds, a quarter of an hour, eight minutes
        """
    ),
    "duration_in": entries("in {duration}, for {duration}"),
    "task": entries(
        """
        buy {grocery}, call {person}, take out the trash, water the plants, pay the bills,
        walk the dog, pick up the kids, take my medicine, wash the car, feed the cat,
        return the books, charge the phone, bake {dish}, study, clean the kitchen, book a hotel,
        go to the gym, iron a shirt, change the tires, write a letter
        """
    ),
    "event": entries(
        """
        the meeting, my appointment, the dentist, the party, lunch, the interview, practice,
        dinner with {name}, the concert, my flight, the exam, the wedding, choir, the deadline
        """
    ),
    "grocery": entries(
        """
        milk, eggs, bread, butter, coffee, cheese, rice, apples, bananas, chicken, sugar, flour,
        onions, tomatoes, potatoes, fish, garlic, salt, pepper, oranges, carrots, cream, tea,
        yogurt, spinach, beans, grapes, mushrooms, lemons, soap, toothpaste, diapers, cucumbers
        """
    ),
    "holiday": entries(
        """
        christmas, easter, thanksgiving, halloween, new year's eve, mother's day, summer,
        father's day, valentine's day, labor day, independence day, spring, hanukkah, the solstice
        """
    ),
    "artist": entries(
        """
        the beatles, madonna, elvis presley, michael jackson, bob dylan, adele, queen, prince,
        the rolling stones, johnny cash, elton john, abba, mozart, david bowie, bach, nirvana,
        louis armstrong, ella fitzgerald, beethoven, miles davis, whitney houston, stevie wonder
        """
    ),
    "song": entries(
        "the new album, a song, the greatest hits, something slow, the first single, love songs"
    ),
    "genre": entries(
        """
        rock, jazz, classical, country, pop, quiet, dance, christmas, folk, hip hop, blues, soul,
        relaxing, workout, piano, disco, opera, punk, reggae, gospel
        """
    ),
    "room": entries(
        """
        in the kitchen, in the living room, in the bedroom, in the garage, in the bathroom,
        upstairs, in the hallway, in the basement, in the garden, in the office, on the porch
        """
    ),
    "updown": entries("up, down, off"),
    "onoff": entries("on, off"),
    "device": entries(
        """
        radio, television, music, volume, oven, coffee machine, fan, heater, dishwasher, speaker,
        vacuum cleaner, washing machine, computer, lamp, fireplace, air conditioner
        """
    ),
    "station": entries("the news, my audiobook, public radio, the podcast, the morning show"),
    "playlist": entries("party, running, favorites, sleep, summer, road trip, cooking"),
    "team": entries(
        """
        yankees, lakers, red sox, bulls, cowboys, giants, eagles, patriots, dodgers, bears, celtics,
        rangers, packers, warriors, pirates, tigers, cubs, steelers, dolphins, saints, raiders
        """
    ),
    "trophy": entries(
        "game, super bowl, world cup, world series, final, election, marathon, golden globe, oscar"
    ),
    "sport": entries(
        "football, baseball, basketball, tennis, soccer, golf, hockey, boxing, chess, volleyball"
    ),
    "position": entries("goalkeeper, quarterback, center, shortstop, defense, pitcher"),
    "league": entries("national league, premier league, champions league, division, playoffs"),
    "dish": entries(
        """
        pancakes, chicken soup, pizza, banana bread, chocolate cake, lasagna, apple pie, meatballs,
        fried rice, mashed potatoes, waffles, fish tacos, chili, pot roast, tomato sauce, cookies,
        beef stew, french toast, potato salad, hamburgers, roast turkey, cornbread, pumpkin pie,
        guacamole, scrambled eggs, cinnamon rolls, mushroom soup, carrot cake, blueberry muffins
        """
    ),
    "diet": entries("easy, healthy, quick, vegan, simple, cheap, gluten free, traditional"),
    "cook": entries("bake, cook, boil, grill, fry, steam, freeze"),
    "name": entries(
        """
        john, mary, anna, michael, sarah, david, emma, james, laura, peter, susan, robert, linda,
        thomas, jessica, daniel, karen, steven, nancy, george, helen, kevin, alice, brian, julia,
        edward, rachel, frank, olivia, henry, charlotte, oscar, victoria, walter, grace
        """
    ),
    "surname": entries(
        """
        smith, johnson, brown, miller, davis, wilson, anderson, taylor, moore, jackson, white,
        harris, clark, lewis, walker, young, wright, campbell, phillips, turner
        """
    ),
    "person": entries(
        """
        mom, {name}, dad, {name}, {name} {surname}, my wife, my brother, my sister, my husband,
        grandma, the doctor, my boss, a taxi, the school, uncle {name}, the plumber, aunt {name}
        """
    ),
    "call_place": entries("home, work, the office, school, {hour}"),
    "message": entries(
        """
        i'm on my way, i'll be late, dinner is ready, happy birthday, see you later, call me back,
        thank you, i love you, the train is late, good night, where are you, i'm at the airport
        """
    ),
    "animal": entries(
        """
        cats, dogs, horses, whales, elephants, lions, puffins, foxes, owls, penguins, rabbits,
        dolphins, tigers, sharks, turtles, bears, giraffes, frogs, spiders, eagles, goats, swans,
        kangaroos, squirrels, crocodiles, parrots, wolves, butterflies
        """
    ),
    "news": entries(
        """
        the election, the president, the storm, football, the economy, the strike, climate change,
        the volcano, space, the royal family, technology, the housing market, immigration
        """
    ),
    "noun": entries(
        """
        thank you, hello, water, love, house, bread, friend, mountain, snow, book, summer, heart,
        window, teacher, rainbow, knife, chair, brother, island, winter, glacier, freedom, garden,
        fire, moon, shadow, journey, kitchen, feather, bridge, necessary, rhythm, beautiful, church
        """
    ),
    "language": entries(
        """
        spanish, french, german, italian, icelandic, japanese, danish, russian, chinese, latin,
        polish, portuguese, arabic, swedish, dutch, greek, korean
        """
    ),
    "number": entries("{digit}, {digit}, {ten}, {ten} {digit}, a hundred, {teen}, {digit} hundred"),
    "digit": entries("two, five, three, ten, six, eight, seven, four, nine, one"),
    "teen": entries("twelve, fifteen, eleven, fourteen, sixteen, eighteen, thirteen, nineteen"),
    "ten": entries("twenty, fifty, thirty, forty, sixty, eighty, seventy, ninety"),
    "operation": entries("plus, times, minus, divided by, percent of"),
    "goods": entries(
        """
        cars, apartments, bicycles, laptops, running shoes, sofas, furniture, books, guitars,
        phones, houses, tents, jobs, birthday gifts, winter jackets, motorcycles, antiques, puppies
        """
    ),
    "story": entries("a joke, a story, the news, a riddle, a fun fact, a bedtime story, a poem"),
    "channel": entries("television, the radio, channel {digit}, at the movies, at the theater"),
    "office": entries("president, prime minister, king, queen, foreign minister, first lady"),
    "tall": entries(
        """
        the eiffel tower, mount everest, the empire state building, the statue of liberty, big ben,
        the golden gate bridge, kilimanjaro, an elephant, the space needle, a giraffe
        """
    ),
    "famous": entries(
        """
        abraham lincoln, albert einstein, william shakespeare, marie curie, george washington,
        isaac newton, napoleon, cleopatra, charles darwin, julius caesar, leonardo da vinci,
        amelia earhart, galileo, mark twain, jane austen, benjamin franklin, walt disney, picasso
        """
    ),
    "book": entries(
        """
        hamlet, the odyssey, moby dick, frankenstein, pride and prejudice, dracula, robinson crusoe,
        alice in wonderland, the hobbit, treasure island, the jungle book, war and peace
        """
    ),
    "door": entries("front door, garage door, back door, window, gate, car"),
    "floor": entries("living room, kitchen, hallway, bedroom, whole house, stairs"),
}

ENGLISH = Grammar(language="en-us", templates=_TEMPLATES, slots=_SLOTS)
