"""What buttons, links, headings, addresses and titles speak of."""

from __future__ import annotations

from enum import StrEnum

from gleanery.knowledge.meaning.lexicon import Lexicon


class Act(StrEnum):
    LOGIN = "login"
    LOGOUT = "logout"
    SIGN_UP = "sign_up"
    RESET = "reset"
    SEARCH = "search"
    FILTER = "filter"
    SUBSCRIBE = "subscribe"
    CONTACT = "contact"
    COMMENT = "comment"
    CART = "cart"
    CHECKOUT = "checkout"
    PAY = "pay"
    UPLOAD = "upload"
    SAVE = "save"
    SETTINGS = "settings"
    ACCEPT = "accept"
    REJECT = "reject"
    COOKIES = "cookies"
    SEND = "send"
    CONTINUE = "continue"
    NEXT = "next"
    PREVIOUS = "previous"
    FIRST = "first"
    LAST = "last"
    MORE = "more"
    START = "start"
    DOWNLOAD = "download"
    CANCEL = "cancel"
    CLOSE = "close"
    SKIP = "skip"
    HOME = "home"
    CONTENTS = "contents"
    BREADCRUMBS = "breadcrumbs"
    PAGES = "pages"
    DOCS = "docs"
    DASHBOARD = "dashboard"
    ERROR = "error"
    CHALLENGE = "challenge"
    RESULTS = "results"
    SHARE = "share"
    PLAY = "play"
    VOTE = "vote"
    LANGUAGE = "language"


# English, German, French, Spanish, Italian, Portuguese, Dutch; common words of Polish, Russian, Japanese, Chinese, Korean.
ACTS: Lexicon[Act] = Lexicon(
    {
        Act.LOGIN: """
            log_in login sign_in signin signon sign_on logon log_on authenticate einloggen anmelden anmeldung connexion se_connecter
            connectez_vous s_identifier identification iniciar_sesion inicia_sesion acceder ingresar entrar accedi accesso login_accedi
            iniciar_sessao fazer_login inloggen aanmelden zaloguj logowanie войти вход авторизация ログイン サインイン 登录 登錄 登入
            로그인 auth sso sessions log_ind logga_in logg_inn logg_pa prihlasit prihlaseni prihlasit_sa bejelentkezes belepes kirjaudu
            giris giris_yap member_login members_login entra autenticati identifiez_vous
        """,
        Act.LOGOUT: """
            log_out logout sign_out signout abmelden ausloggen deconnexion se_deconnecter cerrar_sesion salir esci disconnetti
            terminar_sessao sair uitloggen afmelden wyloguj выйти выход ログアウト サインアウト 退出 登出 로그아웃 log_ud logga_ut
            logg_ut odhlasit kijelentkezes cikis
        """,
        Act.SIGN_UP: """
            sign_up signup register registration create_account create_an_account create_your_account create_my_account new_account join
            join_now join_us join_free create_free_account open_account registrieren registrierung konto_erstellen neues_konto
            konto_anlegen inscription s_inscrire inscrivez_vous creer_un_compte creer_mon_compte creer_compte registrarse registrate
            registrar registro crear_cuenta crea_una_cuenta crear_una_cuenta registrati registrazione iscriviti crea_un_account
            crea_account criar_conta criar_uma_conta cadastre_se cadastrar cadastro registar registreren account_aanmaken registratie
            zarejestruj rejestracja регистрация зарегистрироваться создать_аккаунт 新規登録 会員登録 アカウント作成 注册 註冊 회원가입
            enroll enrol get_an_account users_new tilmeld registrer registrer_deg opret_konto skapa_konto registrace registracia
            regisztracio kayit_ol rekisteroidy регистрирай sign_me_up become_a_member rexistro rexistrarse zarejestruj_sie
            neu_registrieren neukunde new_customer enregistrement create_new_account create_a_new_account create_a_free_account
        """,
        Act.RESET: """
            reset_password reset_your_password password_reset forgot_password forgot_your_password forgotten_password
            forgotten_your_password forgot lost_password lost_your_password recover_password recover_your_password password_recovery
            recover_account account_recovery send_reset_link reset_link request_password request_new_password email_me_a_login
            passwort_zurucksetzen passwort_vergessen kennwort_vergessen passwort_anfordern neues_passwort_anfordern mot_de_passe_oublie
            reinitialiser_le_mot_de_passe reinitialiser restablecer_contrasena restablecer olvide_mi_contrasena
            has_olvidado_tu_contrasena recuperar_contrasena password_dimenticata reimposta_password recupera_password esqueceu_a_senha
            esqueci_minha_senha redefinir_senha recuperar_senha wachtwoord_vergeten wachtwoord_herstellen przypomnij_haslo
            восстановить_пароль забыли_пароль сбросить_пароль パスワードを忘れ パスワード再設定 パスワードリセット 忘记密码 重置密码
            找回密码 비밀번호_찾기 forgotpass lostpass recovery recover passwordreset resetpassword retrieve_password
            retrieve_your_password send_password send_new_password email_new_password get_new_password new_password password_lookup
            lookup_password password_reminder remind_password send_me_my_password reset_my_password glemt_adgangskode glomt_losenord
            zapomenute_heslo zabudnute_heslo zabudli_ste_heslo elfelejtett_jelszo odzyskaj_haslo odzyskac_haslo напомнить_пароль
            отослать_пароль забравена_парола passwort_abrufen send_ny_adgangskode novo_contrasinal sifremi_unuttum forgot_login
            forgot_username retrieve_username trouble_signing_in password_forgotten passoublie lost_login forgotten login_reminder
            password_assistance unlock_account neues_passwort passwort_neu
        """,
        Act.SEARCH: """
            search find suche suchen recherche rechercher chercher trouver buscar busca buscador busqueda cerca ricerca trova pesquisar
            pesquisa procurar zoeken zoek szukaj wyszukaj поиск найти искать 検索 搜索 搜尋 查找 검색 search_results suchergebnisse
            lookup soeg sog sok hledat hladat kereses haku ara търсене search* pesquise finder locator
        """,
        Act.FILTER: """
            filter filters refine refine_results sort sort_by order_by apply_filter apply_filters narrow show_results filtern sortieren
            filtrer trier affiner filtrar ordenar filtra ordina filtrare filteren sorteren фильтр сортировка 絞り込み 並べ替え 並び替え
            筛选 排序 per_page items_per_page results_per_page price_range facet facets clear_filters
        """,
        Act.SUBSCRIBE: """
            subscribe newsletter newsletters mailing_list mailinglist email_updates get_updates stay_updated stay_in_the_loop
            stay_in_touch keep_me_posted notify_me abonnieren abonnez_vous s_abonner abonnement infolettre lettre_d_information
            suscribirse suscribete suscripcion boletin iscriviti_alla_newsletter assine inscreva_se boletim nieuwsbrief abonneren
            aanmelden_nieuwsbrief подписаться рассылка подписка メルマガ 購読 ニュースレター 订阅 訂閱 구독 mailchimp
            mc_embedded_subscribe mailerlite sendinblue weekly_digest updates mailing news_letter emailsignup email_signup email_sign_up
            sign_up_for_emails sign_up_for_email get_exclusive_offers exclusive_offers special_offers signup_for_our_newsletter
            sign_up_for_our_newsletter newsletter_signup newsletter_sign_up sign_up_to_our_newsletter sign_up_for_updates email_alerts
            nyhedsbrev nyhetsbrev hirlevel odber_novinek uutiskirje bulten listserv abonare novedades novidades promocoes mc_embed
            mc_4_wp subform opt_in_form
        """,
        Act.CONTACT: """
            contact contact_us contact_form get_in_touch enquiry enquiries inquiry enquire send_message send_us_a_message talk_to_us
            talk_to_sales contact_sales write_to_us kontakt kontaktformular kontaktieren nachricht_senden contactez_nous nous_contacter
            contacto contactenos contactanos contatti contattaci contato fale_conosco contacte_nos neem_contact_op contactformulier
            обратная_связь связаться контакты お問い合わせ お問合せ 联系我们 聯絡我們 联系 문의 request_a_quote request_quote
            support_request feedback book_a_demo request_a_demo request_demo kontakta_oss kontakta kontaktujte_nas kapcsolat yhteys
            ota_yhteytta iletisim свържете_се
        """,
        Act.COMMENT: """
            comment comments leave_a_comment leave_a_reply post_comment add_comment add_a_comment write_a_comment reply post_reply
            post_a_reply add_reply your_answer post_your_answer review write_a_review submit_review kommentar kommentieren
            kommentar_abschicken antworten commenter laisser_un_commentaire publier_le_commentaire repondre comentar deja_un_comentario
            publicar_comentario responder commenta lascia_un_commento invia_commento rispondi deixe_um_comentario reageren
            plaats_reactie reactie_plaatsen комментировать оставить_комментарий ответить コメント コメントする 返信 发表评论 评论 回复
            댓글 guestbook respond
        """,
        Act.CART: """
            add_to_cart add_to_basket add_to_bag buy buy_now buy_it_now order_now purchase pre_order in_den_warenkorb jetzt_kaufen
            kaufen ajouter_au_panier acheter acheter_maintenant anadir_al_carrito agregar_al_carrito anadir_a_la_cesta comprar
            comprar_ahora aggiungi_al_carrello acquista adicionar_ao_carrinho comprar_agora in_winkelwagen in_winkelmand
            toevoegen_aan_winkelwagen koop_nu kopen dodaj_do_koszyka в_корзину купить カートに入れる カートに追加 今すぐ購入 加入购物车
            加入購物車 立即购买 장바구니_담기 bestellen addtocart preorder pre_order_now order in_cart add_to_trolley add_to_my_cart
            add_item buy_today
        """,
        Act.CHECKOUT: """
            checkout check_out place_order place_your_order complete_order proceed_to_checkout submit_order order basket shopping_cart
            cart your_order your_basket bag kasse zur_kasse warenkorb bestellung jetzt_bestellen kaufen_zahlungspflichtig
            zahlungspflichtig_bestellen commander commande panier passer_commande valider_la_commande caisse finalizar_compra
            realizar_pedido tramitar_pedido carrito pedido cesta cassa procedi_all_ordine carrello ordina_ora finalizar_pedido carrinho
            afrekenen bestelling winkelwagen winkelmand zamowienie оформить_заказ корзина заказ 注文 注文する レジに進む ご注文 カート
            结账 结算 购物车 提交订单 주문 shipping delivery shipping_address billing
        """,
        Act.PAY: """
            pay pay_now payment make_payment donate donation give_now bezahlen zahlen zahlung spenden jetzt_spenden payer paiement
            faire_un_don donner pagar pago donar paga pagamento dona doar betalen betaling doneren zaplac оплатить оплата пожертвовать
            支払う お支払い 寄付 支付 付款 结帐 결제 billing_details
        """,
        Act.UPLOAD: """
            upload uploads upload_file choose_file attach hochladen datei_hochladen televerser importer_un_fichier
            telecharger_un_fichier subir subir_archivo carica carica_file enviar_arquivo carregar uploaden загрузить_файл アップロード
            上传 上傳 업로드 import drop_files
        """,
        Act.SAVE: """
            save save_changes update update_profile apply speichern anderungen_speichern ubernehmen enregistrer sauvegarder guardar
            guardar_cambios salva salva_modifiche salvar guardar_alteracoes opslaan wijzigingen_opslaan zapisz сохранить 保存 保存する
            更新 저장 save_settings
        """,
        Act.SETTINGS: """
            settings preferences options profile edit_profile account_settings my_account einstellungen optionen profil konto parametres
            preferences_utilisateur ajustes configuracion preferencias impostazioni preferenze configuracoes definicoes instellingen
            voorkeuren ustawienia настройки профиль 設定 アカウント設定 设置 設置 个人资料 설정 change_password change_your_password
            passwort_andern changer_de_mot_de_passe cambiar_contrasena
        """,
        Act.ACCEPT: """
            accept accept_all accept_all_cookies accept_cookies allow_all allow_all_cookies allow_cookies i_agree agree agree_and_close
            got_it i_accept ok_got_it i_understand akzeptieren alle_akzeptieren alles_akzeptieren zustimmen alle_zulassen einverstanden
            accepter tout_accepter accepter_tout j_accepte accepter_et_continuer aceptar aceptar_todo aceptar_todas aceptar_cookies
            accetta accetta_tutti accetta_tutto accetto aceitar aceitar_todos aceitar_tudo aceitar_cookies accepteren alles_accepteren
            akkoord alle_cookies_accepteren akceptuje принять принять_все согласен 同意する すべて許可 すべて受け入れる 接受 全部接受
            同意 모두_허용
        """,
        Act.REJECT: """
            reject reject_all decline decline_all deny only_necessary necessary_only essential_only only_essential
            continue_without_accepting ablehnen alle_ablehnen nur_notwendige nur_erforderliche refuser tout_refuser
            continuer_sans_accepter rechazar rechazar_todo rechazar_todas rifiuta rifiuta_tutto rejeitar rejeitar_todos recusar weigeren
            alles_weigeren afwijzen отклонить 拒否 すべて拒否 拒绝 全部拒绝
        """,
        Act.COOKIES: """
            cookie cookies manage_cookies cookie_settings cookie_preferences manage_preferences manage_options consent gdpr
            privacy_settings your_privacy datenschutzeinstellungen datenschutz_einstellungen privatsphare we_value_your_privacy
            politique_de_cookies gestion_des_cookies personalizar_cookies クッキー cookie_einstellungen cookiebot onetrust
            use_of_cookies
        """,
        Act.SEND: """
            send submit send_request absenden senden abschicken envoyer soumettre valider enviar mandar invia inviare verzenden
            versturen wyslij отправить 送信 送信する 提交 发送 제출 보내기 post publish apply_now go ok
        """,
        Act.CONTINUE: """
            continue next_step proceed weiter fortfahren continuer suivant continuar siguiente_paso continua avanti_passo prosegui
            volgende_stap doorgaan verder dalej продолжить далее 次へ進む 続ける 继续 下一步 계속 confirm bestatigen confirmer confirmar
            conferma bevestigen next
        """,
        Act.NEXT: """
            next next_page older older_posts older_entries older_articles weiter nachste nachste_seite vorwarts altere altere_beitrage
            suivant suivante page_suivante articles_plus_anciens siguiente pagina_siguiente entradas_antiguas successiva successivo
            pagina_successiva avanti proxima proximo seguinte pagina_seguinte volgende volgende_pagina oudere oudere_berichten nastepna
            dalej следующая вперед далее 次へ 次のページ 次ページ 次 下一页 下一頁 下页 다음 forward
        """,
        Act.PREVIOUS: """
            previous prev previous_page newer newer_posts newer_entries back vorherige vorherige_seite zuruck neuere neuere_beitrage
            precedent precedente page_precedente anterior pagina_anterior anteriores entradas_recientes indietro pagina_precedente
            vorige vorige_pagina nieuwere poprzednia предыдущая назад 前へ 前のページ 前ページ 前 上一页 上一頁 上页 이전
        """,
        Act.FIRST: """
            first first_page erste erste_seite premiere primera primeira prima eerste первая 最初 首页第一 首頁 처음
        """,
        Act.LAST: "last last_page letzte letzte_seite derniere ultima ultimo laatste последняя 最後 末页 尾页 마지막",
        Act.MORE: """
            load_more show_more see_more view_more more_results more_posts load_more_results show_more_results mehr_laden mehr_anzeigen
            weitere_laden mehr_ergebnisse weitere_ergebnisse afficher_plus charger_plus voir_plus plus_de_resultats cargar_mas ver_mas
            mostrar_mas mas_resultados carica_altro carica_altri mostra_altro mostra_di_piu carregar_mais ver_mais mostrar_mais
            meer_laden toon_meer laad_meer pokaz_wiecej показать_еще загрузить_еще もっと見る さらに表示 さらに読み込む 加载更多
            查看更多 显示更多 더_보기
        """,
        Act.START: """
            get_started start start_now start_free_trial start_your_free_trial try try_free try_it_free try_for_free try_now free_trial
            start_for_free get_it_now learn_more book_now request_demo explore launch open_app jetzt_starten loslegen kostenlos_testen
            jetzt_testen jetzt_buchen commencer essayer essai_gratuit demarrer decouvrir empezar comenzar prueba_gratis probar_gratis
            inizia inizia_ora prova_gratis provalo comecar comece_agora teste_gratis begin_nu aan_de_slag probeer_gratis rozpocznij
            начать попробовать 始める 無料で始める 無料体験 开始使用 立即开始 免费试用 시작하기 install
        """,
        Act.DOWNLOAD: """
            download downloads download_now herunterladen runterladen telecharger descargar scarica baixar transferir downloaden pobierz
            скачать ダウンロード 下载 下載 다운로드
        """,
        Act.CANCEL: "cancel abbrechen annuler cancelar annulla annuleren anuluj отмена キャンセル 取消 취소 discard",
        Act.CLOSE: """
            close dismiss schliessen fermer cerrar chiudi fechar sluiten zamknij закрыть 閉じる 关闭 關閉 닫기 no_thanks not_now
        """,
        Act.SKIP: """
            skip skip_to skip_to_content skip_to_main skip_to_main_content skip_navigation skip_link jump_to_content zum_inhalt
            zum_inhalt_springen zum_hauptinhalt direkt_zum_inhalt aller_au_contenu aller_au_contenu_principal passer_au_contenu
            saltar_al_contenido ir_al_contenido vai_al_contenuto salta_al_contenuto pular_para_o_conteudo ir_para_o_conteudo
            saltar_para_o_conteudo naar_de_inhoud ga_naar_inhoud przejdz_do_tresci к_содержанию перейти_к_содержимому 本文へ
            本文へスキップ 跳到主要内容 跳至内容 跳转到内容 본문
        """,
        Act.HOME: """
            home homepage start_page startseite accueil inicio pagina_principal pagina_iniziale strona_glowna главная ホーム トップ 首页
            主页 홈
        """,
        Act.CONTENTS: """
            contents table_of_contents on_this_page in_this_article toc in_this_page page_contents inhalt inhaltsverzeichnis
            auf_dieser_seite sommaire table_des_matieres sur_cette_page contenido contenidos indice en_esta_pagina sommario
            in_questa_pagina nesta_pagina inhoud inhoudsopgave op_deze_pagina spis_tresci содержание оглавление на_этой_странице 目次
            このページの内容 目录 本页内容 목차
        """,
        Act.BREADCRUMBS: """
            breadcrumb breadcrumbs you_are_here brotkrumen brotkrumennavigation brodkrumen fil_d_ariane ariane miga_de_pan migas
            migas_de_pan briciole briciole_di_pane kruimelpad パンくず パンくずリスト 面包屑 当前位置 sie_sind_hier vous_etes_ici crumbs
            crumb
        """,
        Act.PAGES: """
            pagination pager page_navigation pages paginator paging seiten seitennavigation seitennummerierung blatterfunktion
            page_numbers paginacion paginas paginazione pagine paginacao paginering страницы ページネーション ページ送り 分页 分頁
            nav_links posts_navigation
        """,
        Act.DOCS: """
            documentation docs doc manual reference handbook tutorial tutorials api api_reference user_guide developer_guide man_page
            javadoc dokumentation handbuch referenz anleitung manuel referencia guia documentacion documentazione guida documentacao
            handleiding documentatie документация руководство ドキュメント マニュアル リファレンス 文档 手册 指南 faq help howto how_to
            changelog release_notes specification
        """,
        Act.DASHBOARD: """
            dashboard overview control_panel admin admin_panel console inbox my_projects workspace ubersicht tableau_de_bord
            panel_de_control panel cruscotto painel painel_de_controle kokpit панель_управления ダッシュボード 管理画面 控制台 仪表盘
            대시보드 backend
        """,
        Act.ERROR: """
            not_found page_not_found error_404 404 error_403 403 error_500 500 410 401 unauthorized forbidden access_denied
            internal_server_error bad_gateway service_unavailable something_went_wrong oops page_doesn_t_exist page_does_not_exist
            can_t_be_found could_not_be_found cannot_be_found nicht_gefunden seite_nicht_gefunden fehler fehler_404 existiert_nicht
            page_non_trouvee page_introuvable introuvable erreur_404 erreur no_encontrada pagina_no_encontrada no_se_encontro
            non_trovata pagina_non_trovata errore_404 errore nao_encontrada pagina_nao_encontrada niet_gevonden pagina_niet_gevonden
            strona_nie_znaleziona не_найдена не_найдено ошибка страница_не_найдена 見つかりません ページが見つかりません エラー
            页面不存在 未找到 找不到 找不到页面 찾을_수_없 gone no_longer_available
        """,
        Act.CHALLENGE: """
            just_a_moment attention_required are_you_a_robot are_you_human i_m_not_a_robot not_a_robot verify_you_are_human
            verify_you_are_a_human verifying_you_are_human verify_that_you_are_human checking_your_browser security_check
            ddos_protection bot_verification human_verification unusual_traffic access_to_this_page_has_been_denied
            pardon_our_interruption robot_check einen_moment_bitte sind_sie_ein_mensch un_momento un_instant verifica_che_sei_umano
            人机验证 安全验证 please_wait_while_we_verify one_more_step request_unsuccessful checking_if_the_site_connection_is_secure
        """,
        Act.RESULTS: """
            results search_results results_for search_results_for results_found no_results no_results_found ergebnisse suchergebnisse
            treffer keine_treffer keine_ergebnisse resultats resultats_de_recherche aucun_resultat resultados resultados_de_busqueda
            resultados_de_la_busqueda sin_resultados risultati risultati_della_ricerca nessun_risultato resultados_da_pesquisa
            resultados_da_busca nenhum_resultado resultaten zoekresultaten geen_resultaten wyniki результаты результаты_поиска 検索結果
            件ヒット 搜索结果 搜尋結果 검색_결과
        """,
        Act.SHARE: """
            share tweet share_on teilen partager compartir condividi compartilhar partilhar delen поделиться シェア 分享 facebook
            twitter linkedin pinterest reddit
        """,
        Act.PLAY: """
            play pause mute unmute watch listen volume fullscreen full_screen seek abspielen wiedergabe lecture lire reproducir
            riproduci reproduzir afspelen воспроизвести 再生 播放 재생 play_video watch_video captions subtitles vollbild
        """,
        Act.VOTE: """
            vote upvote downvote poll like helpful abstimmen voter votar vota stemmen голосовать 投票 赞 いいね
        """,
        Act.LANGUAGE: """
            language sprache langue idioma lingua taal язык 言語 语言 choose_language select_language region currency
        """,
    }
)
