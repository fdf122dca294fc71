// The continent of each country, by the groups of the United Nations' standard M49. Places of the
// Near East and of the Caucasus are in Asia there, and Cyprus too.

const COUNTRIES = {
  "North America": "AG AI AW BB BM BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MQ MS MX NI PA PM PR SV TC TT US VC VG VI",
  "South America": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
  Europe: "AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SK SM UA VA XK",
  Asia: "AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
  Africa: "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
  Oceania: "AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PW SB TK TO TV VU WF WS",
};
const CONTINENT_OF = new Map(Object.entries(COUNTRIES).flatMap(([continent, codes]) => codes.split(" ").map((code) => [code, continent])));
const OTHERS = "Elsewhere";

/** The continents in the order in which the page shows them. */
export const CONTINENTS = [...Object.keys(COUNTRIES), OTHERS];

/** Return the continent of a country by its ISO 3166-1 code. */
export const continentOf = (country) => CONTINENT_OF.get(country) ?? OTHERS;
