"""The word lists by which the extractive model reads English: plain data, no decisions."""

#: Words that carry no subject of their own; a sentence need not repeat them.
STOP = frozenset(
    """a about above after again all also am an and any are as at be because been before
    being below between both but by can cannot could did do does doing done down during
    each either else ever few for from further had has have having he her here hers him
    his how i if in into is it its itself just let may me might mine more most must my no
    nor not of off on once one ones only or other our ours out over own please rather
    really s same shall she should so some somebody someone something still such t than
    that the their theirs them then there these they this those through to too under until
    up upon us very via was we were what whatever when where which while who whom whose
    why will with within without would yet you your yours whether now away against among amongst
    along across behind beyond toward towards throughout since d ll m o re ve don doesn
    isn aren wasn weren won hasn haven didn couldn shouldn""".split()
)

#: Words that questions are made of; missing one says little about the answer.
GENERIC = frozenset(
    """according account actual actually allow amount answer apply approximate approximately
    are aspect available average become benefit behave call case cause certain collection
    come consider contain current currently define definition describe description detail
    determine difference different document documentation ensure exact exactly example
    exist explain fact feature file find general generally get give go good guide handbook
    happen have help identify important include information involve kind know known like
    list long look main major make money many mean meaning mention method much name need new
    normal normally note number occur often order part particular people person piece
    place point possible practice precise provide purpose put question reason recommend
    refer regard relate require role rule same say section see serve set show sort
    specific specify stand state take talk tell text thing time total true try type
    typical typically use used useful usual usually value want way work world write
    typically single several other official originally together first role effect does
    keep kept turn step process system say says stated written""".split()
)

#: Verbs, and adverbs of degree, that many sentences say in other words: half a term.
LOOSE = frozenset(
    """accept accommodate achieve add advise affect afford aim appear apply arrange arrive
    assume attach attend base bear begin belong book bring burn buy carry catch change
    charge check choose claim clear close collect come commit compare complete connect
    convert copy count cover create cut deal decide deliver depend default derive draw
    drive drop eat empty enable enter exceed expect expire extend fail fall feed fetch
    fill finish fit fix follow gain gather go grow handle hang happen head hold improve
    increase install intend join jump keep last lay lead leave let lie lift limit live
    load lose maintain mark match measure meet move occupy occur offer open operate pass
    pay perform permit place plan play prepare prevent process produce protect pull push
    reach receive recover reduce refuse reject release remain remove repair repeat replace
    report request reserve respond rest restart result retry return rise run save seat
    sell send separate set settle sit slow solve spend split stand start stay stop store
    stretch suggest suit supply support surround survive switch take throw touch transport
    travel treat trust try turn visit wait walk warn watch wear work failed retried goes
    fits maximum minimum max min highest lowest largest smallest mainly mostly roughly
    nowadays today currently former formerly regularly normally fully entirely together
    permitted permissible required necessary allowed allow possible top per staff single
    whole strong weak heavy light high low large small long short old young early late
    fast slow hot cold warm good bad best full empty safe easy hard difficult wrong attend
    learn reach end begin against each concerning regarding safely properly completely
    successful official complete unused""".split()
)


def _pair(text: str) -> tuple[str, str]:
    form, plain = text.split(":")
    return form, plain


#: Forms that no rule of endings finds.
IRREGULAR: dict[str, str] = dict(
    _pair(pair)
    for pair in """kept:keep held:hold wrote:write written:write ran:run sent:send began:begin
    begun:begin chose:choose chosen:choose built:build paid:pay made:make lost:lose
    left:leave stood:stand sold:sell bought:buy taught:teach met:meet led:lead fed:feed
    spent:spend grew:grow grown:grow fell:fall fallen:fall rose:rise risen:rise
    drove:drive driven:drive flew:fly flown:fly went:go gone:go came:come took:take
    taken:take gave:give given:give got:get gotten:get said:say told:tell thought:think
    brought:bring caught:catch won:win sat:sit slept:sleep spoke:speak spoken:speak
    stole:steal stolen:steal swam:swim threw:throw thrown:throw wore:wear worn:wear
    ate:eat eaten:eat drank:drink drunk:drink broke:break broken:break froze:freeze
    frozen:freeze hid:hide hidden:hide knew:know known:know laid:lay meant:mean dealt:deal
    felt:feel fought:fight fled:flee forgot:forget forgotten:forget shown:show shook:shake
    shot:shoot shut:shut sank:sink sunk:sink sought:seek slid:slide struck:strike
    swore:swear tore:tear torn:tear understood:understand woke:wake wound:wind born:birth
    dug:dig drew:draw drawn:draw did:do done:do saw:see seen:see heard:hear children:child
    men:man women:woman feet:foot teeth:tooth mice:mouse geese:goose lives:life
    leaves:leave wives:wife knives:knife halves:half shelves:shelf indices:index
    vertices:vertex matrices:matrix analyses:analysis bases:basis crises:crisis
    criteria:criterion bacteria:bacterium phenomena:phenomenon fungi:fungus nuclei:nucleus
    people:person larger:large largest:large bigger:big biggest:big smaller:small
    smallest:small higher:high highest:high lowest:low longer:long longest:long
    shorter:short shortest:short older:old oldest:old newer:new newest:new better:good
    best:good worse:bad worst:bad heavier:heavy heaviest:heavy earlier:early
    earliest:early later:late latest:late taller:tall tallest:tall deeper:deep
    deepest:deep wider:wide widest:wide faster:fast fastest:fast slower:slow slowest:slow
    cheaper:cheap cheapest:cheap closes:close busier:busy busiest:busy hotter:hot
    hottest:hot colder:cold coldest:cold died:die dying:die dead:die death:die deaths:die
    theft:steal thief:steal thieves:steal growth:grow sale:sell sales:sell choice:choose
    proof:prove flight:fly flights:fly loss:lose losses:lose speech:speak belief:believe
    advice:advise gift:give depth:deep length:long height:high width:wide strength:strong
    warmth:warm decision:decide division:divide permission:permit admission:admit
    description:describe explanation:explain destruction:destroy production:produce
    reduction:reduce arrival:arrive refusal:refuse payment:pay entrance:enter entry:enter
    marriage:marry succession:succeed successor:succeed success:succeed membership:member
    ownership:own leadership:lead leader:lead winner:win winery:wine vineyard:wine
    winemaker:wine retention:retain conversion:convert extension:extend expansion:expand
    collision:collide response:respond repetition:repeat delivery:deliver
    discovery:discover recovery:recover departure:depart failure:fail closure:close
    signature:sign composition:compose acquisition:acquire maintenance:maintain
    solution:solve resolution:resolve revision:revise submission:submit
    transmission:transmit emission:emit omission:omit erosion:erode invasion:invade
    comparison:compare pronunciation:pronounce residence:reside resident:reside
    inhabitant:inhabit participation:participate participant:participate applicant:apply
    application:apply founder:found inventor:invent composer:compose author:write
    writer:write painter:paint builder:build owner:own user:use teacher:teach pupil:pupil
    sung:sing sang:sing rang:ring rung:ring shone:shine sprang:spring bent:bend bound:bind
    fought:fight hung:hang leapt:leap lent:lend lit:light quit:quit rid:rid spun:spin
    split:split spread:spread stuck:stick stung:sting swept:sweep swung:swing wept:weep
    wept:weep bred:breed bled:bleed crept:creep overcame:overcome withdrew:withdraw
    withdrawn:withdraw undertook:undertake sown:sow mown:mow sewn:sew
    architect:design designer:design""".split()
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
