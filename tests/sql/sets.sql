select origin from ods.flights where month = 1 union select faa from ods.airports where alt > 9000 order by 1;
select dest from ods.flights where origin = 'JFK' intersect select dest from ods.flights where origin = 'EWR' order by dest;
select dest from ods.flights where origin = 'EWR' except select dest from ods.flights where origin = 'LGA' order by dest;
select origin, carrier, count(*) as n from ods.flights where month = 6 group by rollup (origin, carrier) order by origin nulls last, carrier nulls last;
select origin, month, count(*) as n from ods.flights where month < 4 group by grouping sets ((origin), (month), ()) order by origin nulls last, month nulls last;
with recursive days as (select 1 as d union all select d + 1 from days where d < 10) select d, (select count(*) from ods.flights f where f.month = 1 and f.day = d) as n from days order by d;
select a, b from (values (1, 'x'), (2, null), (3, 'z')) as t(a, b) order by a;
