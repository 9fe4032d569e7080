"""The word lists by which the extractive model reads English: plain data, no decisions."""

#: Words that carry no subject of their own; a sentence need not repeat them.
STOP = frozenset(
    """a about above after again all also am an and any are as at be because been before being
    below between both but by can cannot could did do does doing done down during each either
    else ever few for from further had has have having he her here hers him his how i if in into
    is it its itself just let may me might mine more most must my no nor not of off on once one
    ones only or other our ours out over own please rather really s same shall she should so some
    somebody someone something still such t than that the their theirs them then there these they
    this those through to too under until up upon us very via was we were what whatever when where
    which while who whom whose why will with within without would yet you your yours whether
    d ll m o re ve don doesn isn aren wasn weren won hasn haven didn couldn shouldn""".split()
)

#: Words that questions are made of; missing one says little about the answer.
GENERIC = frozenset(
    """according account actual actually allow amount answer apply approximate approximately are
    aspect available average become benefit behave call case cause certain collection come
    consider contain current currently define definition describe description detail
    determine difference different document documentation ensure exact exactly example exist
    explain fact feature file find general generally get give go good guide handbook happen have
    help identify important include information involve kind know known like list long look main
    major make many mean meaning mention method much name need new normal normally note number
    occur often order part particular people person piece place point possible practice precise
    provide purpose put question reason recommend refer regard relate require role rule same say
    section see serve set show sort specific specify stand state take talk tell text thing time
    total true try type typical typically use used useful usual usually value want way work
    world write typically single several other official originally together first role effect
    does keep kept turn step process system say says stated written""".split()
)

#: Verbs, and adverbs of degree, that many sentences say in other words: half a term.
LOOSE = frozenset(
    """accept accommodate achieve add advise affect afford aim appear apply arrange arrive assume
    attach attend base bear begin belong book bring burn buy carry catch change charge check choose
    claim clear close collect come commit compare complete connect convert copy count cover create
    cut deal decide deliver depend default derive draw drive drop eat empty enable enter exceed expect expire
    extend fail fall feed fetch fill finish fit fix follow gain gather go grow handle hang happen
    head hold improve increase install intend join jump keep last lay lead leave let lie lift limit
    live load lose maintain mark match measure meet move occupy occur offer open operate pass pay
    perform permit place plan play prepare prevent process produce protect pull push reach receive
    recover reduce refuse reject release remain remove repair repeat replace report request reserve
    respond rest restart result retry return rise run save seat sell send separate set settle sit
    slow solve spend split stand start stay stop store stretch suggest suit supply support surround
    survive switch take throw touch transport travel treat trust try turn visit wait walk warn watch
    wear work failed retried goes fits maximum minimum max min highest lowest largest smallest mainly
    mostly roughly nowadays today currently former formerly regularly normally fully entirely together
    permitted permissible required necessary allowed allow possible top per staff single whole
    concerning regarding safely properly completely successful official complete unused""".split()
)

#: Forms that no rule of endings finds.
IRREGULAR = dict(
    pair.split(":")
    for pair in """kept:keep held:hold wrote:write written:write ran:run sent:send began:begin
    begun:begin chose:choose chosen:choose built:build paid:pay made:make lost:lose left:leave
    stood:stand sold:sell bought:buy taught:teach met:meet led:lead fed:feed spent:spend grew:grow
    grown:grow fell:fall fallen:fall rose:rise risen:rise drove:drive driven:drive flew:fly
    flown:fly went:go gone:go came:come took:take taken:take gave:give given:give got:get
    gotten:get said:say told:tell thought:think brought:bring caught:catch won:win sat:sit
    slept:sleep spoke:speak spoken:speak stole:steal stolen:steal swam:swim threw:throw
    thrown:throw wore:wear worn:wear ate:eat eaten:eat drank:drink drunk:drink broke:break
    broken:break froze:freeze frozen:freeze hid:hide hidden:hide knew:know known:know laid:lay
    meant:mean dealt:deal felt:feel fought:fight fled:flee forgot:forget forgotten:forget
    shown:show shook:shake shot:shoot shut:shut sank:sink sunk:sink sought:seek slid:slide
    struck:strike swore:swear tore:tear torn:tear understood:understand woke:wake wound:wind
    born:birth dug:dig drew:draw drawn:draw did:do done:do saw:see seen:see heard:hear
    children:child men:man women:woman feet:foot teeth:tooth mice:mouse geese:goose lives:life
    leaves:leave wives:wife knives:knife halves:half shelves:shelf indices:index
    vertices:vertex matrices:matrix analyses:analysis bases:basis crises:crisis criteria:criterion
    bacteria:bacterium phenomena:phenomenon fungi:fungus nuclei:nucleus people:person
    larger:large largest:large bigger:big biggest:big smaller:small smallest:small
    higher:high highest:high lowest:low longer:long longest:long shorter:short
    shortest:short older:old oldest:old newer:new newest:new better:good best:good worse:bad
    worst:bad heavier:heavy heaviest:heavy earlier:early earliest:early later:late latest:late
    taller:tall tallest:tall deeper:deep deepest:deep wider:wide widest:wide faster:fast
    fastest:fast slower:slow slowest:slow cheaper:cheap cheapest:cheap
    closes:close busier:busy busiest:busy hotter:hot hottest:hot colder:cold coldest:cold
    died:die dying:die dead:dead""".split()
)

#: Number words and what they count as.
NUMBERS = {
    word: str(number)
    for number, word in (
        *enumerate(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
            "fifteen sixteen seventeen eighteen nineteen twenty".split()
        ),
        *((n, w) for n, w in zip(range(30, 100, 10), "thirty forty fifty sixty seventy eighty "
          "ninety".split(), strict=True)),
        (100, "hundred"), (1000, "thousand"), (1000000, "million"), (1000000000, "billion"),
        (2, "twice"), (2, "both"), (12, "dozen"),
    )
}  # fmt: skip

#: British spellings and the American ones under which they are compared.
SPELLINGS = (
    ("isation", "ization"), ("ising", "izing"), ("ised", "ized"), ("colour", "color"),
    ("favour", "favor"), ("labour", "labor"), ("harbour", "harbor"), ("neighbour", "neighbor"),
    ("behaviour", "behavior"), ("flavour", "flavor"), ("honour", "honor"), ("centre", "center"),
    ("metre", "meter"), ("litre", "liter"), ("theatre", "theater"), ("fibre", "fiber"),
    ("catalogue", "catalog"), ("programme", "program"), ("licence", "license"),
    ("defence", "defense"), ("grey", "gray"), ("travell", "travel"), ("cancell", "cancel"),
    ("labell", "label"), ("modell", "model"), ("organise", "organize"),
    ("recognise", "recognize"), ("serialise", "serialize"), ("storey", "story"),
)  # fmt: skip

#: Words that may stand for one another, one group to a line.
SYNONYMS = (
    "keep retain store hold preserve stay remain save retention last",
    "begin start launch commence open initiate",
    "end finish stop conclude terminate close complete",
    "delete remove erase discard purge drop clean destroy",
    "buy purchase acquire bought",
    "cost price fee charge pay rate fare euro dollar pound eur usd gbp",
    "maximum max limit cap most upper highest largest longest ceiling exceed",
    "minimum min least lower lowest smallest",
    "create make produce build construct generate built",
    "found establish founded founder create start origin",
    "invent devise develop design create inventor introduce",
    "write author publish wrote compose written record append",
    "discover find found detect identify discovery",
    "send transmit deliver forward dispatch emit produce publish",
    "receive get obtain accept arrive",
    "read consume fetch poll",
    "fail crash break die failure",
    "restart reboot resume recover",
    "kill stop terminate end",
    "wait delay pause timeout sleep",
    "change modify alter edit update adjust",
    "replace substitute swap exchange",
    "big large size great huge",
    "small little tiny",
    "fast quick rapid speed velocity",
    "slow gradual",
    "length long duration last",
    "height high tall",
    "depth deep",
    "width wide broad",
    "weight weigh heavy kilogram kg tonne ton mass",
    "old age aged",
    "important essential crucial vital key",
    "big major main chief principal primary",
    "cause reason because why result due",
    "effect result consequence outcome",
    "increase grow rise raise climb gain",
    "decrease shrink fall reduce lowered lowering drop decline",
    "allow permit let enable may",
    "forbid prohibit ban refuse deny reject disallow never not",
    "need require must necessary demand",
    "ask request query demand",
    "answer reply respond response",
    "help assist aid",
    "check verify validate test inspect examine prove confirm ensure",
    "choose select pick decide elect",
    "name call title known",
    "use employ apply utilize usage",
    "work function operate job employ",
    "employee staff worker personnel",
    "boss chief director leader manager",
    "person human people individual somebody anyone",
    "child kid young",
    "doctor physician",
    "car vehicle automobile",
    "boat ship vessel ferry",
    "house home building dwelling",
    "road street route path way",
    "city town village settlement",
    "country nation state",
    "area region zone district territory",
    "near close nearby beside next adjacent",
    "far distance away distant",
    "locate location place situated lie site stand where position",
    "live inhabit reside habitat dwell",
    "eat feed diet food consume",
    "drink beverage",
    "see visit watch view look show display",
    "visitor guest tourist",
    "teach instruct train teacher course lesson",
    "learn study",
    "sick ill disease illness",
    "die death dead",
    "birth born",
    "marry wife husband marriage spouse",
    "win victory award prize",
    "lose loss lost vanish",
    "copy duplicate replica replicate double twice",
    "divide split separate partition break",
    "join merge combine unite connect together",
    "assign allocate give distribute share",
    "order sequence ordering sorted sort",
    "arrange organize order",
    "happen occur event",
    "contain include comprise hold consist have",
    "component part piece element made consist",
    "show display present reveal print",
    "hide conceal mask redact",
    "protect guard defend secure safe safety",
    "danger risk hazard dangerous",
    "mistake error fault bug",
    "repair fix mend solve cure remedy",
    "damage harm hurt",
    "move transfer shift relocate",
    "carry transport haul bring",
    "fly flight",
    "travel journey trip go ride",
    "return come back give",
    "enter entry admission access",
    "leave depart exit departure",
    "arrive reach arrival",
    "open unlock",
    "day daily",
    "week weekly",
    "month monthly",
    "year yearly annual annually",
    "summer may june july august september",
    "winter december january february",
    "spring march april may",
    "autumn september october november",
    "ticket fare single return pass",
    "illness sick ill disease",
    "fit carry hold room seat",
    "retry repeat again resend",
    "late overdue delay",
    "fine fee penalty charge owe",
    "mostly mainly chiefly primarily",
    "sign signature signed",
    "salt sodium",
    "former until previous once earlier",
    "convert turn change transform rebuild",
    "worker work employee staff",
    "vacation leave holiday",
    "death die kill dead",
    "reimburse refund repay",
    "latency delay",
    "speed knot fast velocity",
    "crash die dead fail kill",
    "reason because since",
    "author write wrote writer",
    "forbid must allow permit",
    "lock password encrypt",
    "hour hourly",
    "often frequent frequency every each",
    "first initial original earliest",
    "prize award medal",
    "last final latest",
    "before prior ahead earlier precede",
    "after following later once",
    "portion share fraction percent percentage",
    "many number count amount quantity several",
    "money fund budget finance cash",
    "job duty role responsibility",
    "own belong possess",
    "responsible charge duty accountable owner",
    "approve approval authorize sign consent agree",
    "meeting gather assembly conference",
    "rule law regulation policy",
    "plan scheme schedule timetable",
    "goal aim purpose objective intend target",
    "method technique approach way procedure",
    "tool instrument device utility",
    "machine engine device",
    "picture image photo photograph",
    "mail email",
        "paper document file",
    "group team crew",
    "holiday vacation leave",
    "salary wage pay earn",
    "warm hot heat temperature degree celsius",
    "cold cool temperature degree freeze",
    "rain precipitation rainfall",
    "color paint painted hue",
    "kind type sort variety category class species",
    "difference differ distinct versus unlike contrast",
    "same identical equal alike",
    "convert transform translate turn",
    "compute calculate computation",
    "memory ram",
    "disk storage drive",
    "computer machine server host node",
    "network connection link",
    "connect connection attach link reach",
    "password secret credential key",
    "user account customer client",
    "customer client buyer",
    "company firm business corporation organization",
    "factory plant mill",
    "crop harvest plant yield",
    "animal creature species",
    "tree wood forest",
    "stone rock",
    "river stream",
    "mountain peak summit hill",
    "sea ocean",
    "war battle fight conflict",
    "king queen ruler monarch reign",
    "temporary brief short",
    "permanent forever always",
    "replay reprocess redo repeat again rerun",
    "guarantee promise assure ensure",
    "default standard unless none",
    "advantage benefit good useful pro strength",
    "disadvantage drawback downside weakness",
    "avoid prevent stop",
    "ignore skip neglect",
    "handle treat deal process manage",
    "trigger cause start fire",
    "measure gauge meter measurement",
    "observe monitor watch track",
    "power electricity energy electric",
    "fuel petrol diesel gas",
    "wash clean rinse",
    "cook bake boil prepare",
    "mix stir blend combine",
    "ingredient component",
    "recommend suggest advise should",
    "penalty fine punishment",
    "contact reach phone telephone",
    "phone telephone",
    "renew extend prolong",
    "expire lapse end",
    "borrow loan lend",
    "rent hire lease",
    "refund reimburse return repay",
    "back backup copy",
    "capacity seat hold carry accommodate volume room",
    "crew staff team",
)
