select flight_date, count(*) as n, sum(case when cancelled then 1 else 0 end) as cancelled from dwd.flights group by flight_date order by flight_date limit 40;
select carrier, avg(dep_delay_minutes) as late from dwd.flights where not cancelled group by carrier order by late desc, carrier;
select date_trunc('hour', scheduled_departure) as hour, count(*) as n from dwd.flights where flight_date = date '2013-07-04' group by 1 order by 1;
select count(*) as n, count(distinct carrier) as carriers from dwd.flights where scheduled_departure >= timestamp '2013-12-01' and departed is null;
select body, engine_kind, count(*) as n from dwd.planes group by body, engine_kind order by n desc, body, engine_kind;
